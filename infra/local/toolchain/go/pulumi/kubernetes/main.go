// Command kubernetes serves Pulumi's Kubernetes provider. The provider's own main cannot be built
// from its module, because it embeds files that only its release process makes: this one embeds the
// schema that does lie in the module.
package main

import (
	_ "embed"
	"fmt"
	"os"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
)

// schema is cmd/pulumi-resource-kubernetes/schema.json of the provider's module, copied here by the build.
//
//go:embed schema.json
var schema []byte

func main() {
	if len(os.Args) == 2 {
		switch os.Args[1] {
		case "-version":
			fmt.Println(version.Version)
			return
		case "-plinth-schema":
			_, _ = os.Stdout.Write(schema)
			return
		}
	}
	// The mapping serves `pulumi convert` from Terraform only, which nothing here uses.
	provider.Serve("kubernetes", version.Version, schema, []byte("{}"))
}
