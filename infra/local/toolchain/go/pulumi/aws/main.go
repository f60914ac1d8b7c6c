// Command aws serves Pulumi's AWS provider for the resource types in resources.toml: the Terraform
// provider's own code behind Pulumi's bridge, with the tokens and names of the pulumi_aws package.
//
// The official provider is a release artefact of the same two ingredients. Building it here keeps
// laptops without the release downloads on the real code; a test compares the two schemas.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/terraform-provider-aws/xpprovider"
	pf "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfgen"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi-terraform-bridge/v3/unstable/metadata"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
)

// version is the pulumi_aws release that this provider stands for; the build sets it.
var version = "0.0.0"

func main() {
	ctx := context.Background()
	if len(os.Args) == 2 && os.Args[1] == "-version" {
		fmt.Println(version)
		return
	}
	info, err := providerInfo(ctx)
	check(err)
	if len(os.Args) == 2 && os.Args[1] == "-plinth-schema" {
		schema, err := generateSchema(info)
		check(err)
		_, err = os.Stdout.Write(schema)
		check(err)
		return
	}
	schema, err := installedSchema(info)
	check(err)
	pf.MainWithMuxer(ctx, info.Name, info, schema)
}

// check ends the program with the error: nothing useful can be served without a provider.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "pulumi-resource-aws:", err)
		os.Exit(1)
	}
}

// providerInfo joins the Terraform provider with the table of tokens.
func providerInfo(ctx context.Context) (tfbridge.ProviderInfo, error) {
	framework, sdk, err := xpprovider.GetProvider(ctx)
	if err != nil {
		return tfbridge.ProviderInfo{}, err
	}
	table, err := readTable()
	if err != nil {
		return tfbridge.ProviderInfo{}, err
	}
	upstream := pf.MuxShimWithPF(ctx, shim.NewProvider(sdk), framework)
	info := tfbridge.ProviderInfo{
		P:                              upstream,
		Name:                           "aws",
		Version:                        version,
		Config:                         providerConfig(),
		MetadataInfo:                   tfbridge.NewProviderMetadata([]byte("{}")),
		EnableZeroDefaultSchemaVersion: true,
		// The SDKv2 half checks the same configuration already.
		SkipValidateProviderConfigForPluginFramework: true,
	}
	if err := table.apply(&info); err != nil {
		return info, err
	}
	// Pulumi names a resource after its place in the program unless it is given a name.
	info.SetAutonaming(255, "-")

	dispatcher, ok := upstream.(interface {
		ResolveDispatch(*tfbridge.ProviderInfo) (dispatch, error)
	})
	if !ok {
		return info, fmt.Errorf("the bridge's muxed provider can no longer say which half serves a type")
	}
	routes, err := dispatcher.ResolveDispatch(&info)
	if err != nil {
		return info, err
	}
	return info, metadata.Set(info.GetMetadata(), "mux", routes)
}

// installedSchema reads the schema that the build put beside the binary; a binary on its own makes it anew (seconds).
func installedSchema(info tfbridge.ProviderInfo) ([]byte, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	schema, err := os.ReadFile(filepath.Join(filepath.Dir(self), "schema.json"))
	if os.IsNotExist(err) {
		return generateSchema(info)
	}
	return schema, err
}

// generateSchema asks the bridge how it names every property: the same code that makes pulumi_aws.
func generateSchema(info tfbridge.ProviderInfo) ([]byte, error) {
	silent := diag.DefaultSink(io.Discard, io.Discard, diag.FormatOptions{Color: colors.Never})
	spec, err := tfgen.GenerateSchema(info, silent)
	if err != nil {
		return nil, err
	}
	return json.Marshal(spec)
}
