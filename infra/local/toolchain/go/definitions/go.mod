module plinth.dev/toolchain/definitions

go 1.26.0

// Only files of this module are used: the custom resource definitions of the Gateway API.
require sigs.k8s.io/gateway-api v1.4.0
