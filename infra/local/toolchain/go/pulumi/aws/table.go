package main

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/x/muxer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

//go:embed resources.toml
var tableText string

// dispatch says which half of the provider (SDKv2 or framework) serves a token.
type dispatch = muxer.DispatchTable

// table is resources.toml.
type table struct {
	Resources map[string]string           `toml:"resources"`
	Functions map[string]string           `toml:"functions"`
	Fields    map[string]map[string]field `toml:"fields"`
}

// field is one departure of pulumi_aws from the bridge's own naming.
type field struct {
	Name        string `toml:"name"`          // another name than the bridge would choose
	MaxItemsOne *bool  `toml:"max_items_one"` // whether a block of at most one is flattened
	Optional    *bool  `toml:"optional"`      // whether a program may leave it out
	JSON        bool   `toml:"json"`          // a mapping is accepted and sent as JSON text
	Autoname    int    `toml:"autoname"`      // longest generated name, characters; 0 is none
	Lower       bool   `toml:"lower"`         // a generated name is lower case
}

// readTable parses the table and refuses keys that it does not know, so that a typing mistake is no silent default.
func readTable() (*table, error) {
	var t table
	meta, err := toml.Decode(tableText, &t)
	if err != nil {
		return nil, fmt.Errorf("resources.toml: %w", err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("resources.toml: unknown keys %v", unknown)
	}
	return &t, nil
}

// apply maps every row, and fails for a type that the provider does not have.
func (t *table) apply(info *tfbridge.ProviderInfo) error {
	info.Resources = map[string]*tfbridge.ResourceInfo{}
	info.DataSources = map[string]*tfbridge.DataSourceInfo{}
	for name, token := range t.Resources {
		upstream, ok := info.P.ResourcesMap().GetOk(name)
		if !ok {
			return fmt.Errorf("resources.toml: the Terraform provider has no resource %s", name)
		}
		fields := map[string]*tfbridge.SchemaInfo{}
		for key, field := range t.Fields[name] {
			if _, ok := upstream.Schema().GetOk(key); !ok {
				return fmt.Errorf("resources.toml: %s has no property %s", name, key)
			}
			fields[key] = field.schemaInfo(key)
		}
		// Terraform lets tags_all be written by mistake; to Pulumi it is an output.
		if _, ok := upstream.Schema().GetOk("tags_all"); ok {
			fields["tags_all"] = &tfbridge.SchemaInfo{
				MarkAsComputedOnly: tfbridge.True(),
				MarkAsOptional:     tfbridge.False(),
			}
		}
		info.Resources[name] = &tfbridge.ResourceInfo{Tok: tokens.Type(token), Fields: fields}
	}
	for name, token := range t.Functions {
		if _, ok := info.P.DataSourcesMap().GetOk(name); !ok {
			return fmt.Errorf("resources.toml: the Terraform provider has no data source %s", name)
		}
		info.DataSources[name] = &tfbridge.DataSourceInfo{Tok: tokens.ModuleMember(token)}
	}
	for name := range t.Fields {
		if _, ok := t.Resources[name]; !ok {
			return fmt.Errorf("resources.toml: fields for %s, which is not among the resources", name)
		}
	}
	// Everything outside the table is left out on purpose.
	info.IgnoreMappings = unmapped(info, t)
	return nil
}

// unmapped lists the provider's types that the table leaves out; the bridge wants them named.
func unmapped(info *tfbridge.ProviderInfo, t *table) []string {
	var names []string
	for name := range collect(info.P.ResourcesMap().Range) {
		if _, ok := t.Resources[name]; !ok {
			names = append(names, name)
		}
	}
	for name := range collect(info.P.DataSourcesMap().Range) {
		if _, ok := t.Functions[name]; !ok {
			names = append(names, name)
		}
	}
	return names
}

// collect turns the bridge's Range into a set of keys.
func collect[T any](each func(func(string, T) bool)) map[string]bool {
	keys := map[string]bool{}
	each(func(key string, _ T) bool { keys[key] = true; return true })
	return keys
}

// schemaInfo says the same to the bridge.
func (f field) schemaInfo(key string) *tfbridge.SchemaInfo {
	info := &tfbridge.SchemaInfo{Name: f.Name, MaxItemsOne: f.MaxItemsOne, MarkAsOptional: f.Optional}
	if f.Autoname > 0 {
		name := f.Name
		if name == "" {
			name = tfbridge.TerraformToPulumiNameV2(key, nil, nil)
		}
		var change func(string) string
		if f.Lower {
			change = strings.ToLower
		}
		info = tfbridge.AutoNameTransform(name, f.Autoname, change)
	}
	if f.JSON {
		info.Type = "string"
		info.AltTypes = []tokens.Type{"aws:iam/documents:PolicyDocument"}
		info.Transform = tfbridge.TransformJSONDocument
	}
	return info
}

// providerConfig holds the defaults with which pulumi_aws configures the provider.
func providerConfig() map[string]*tfbridge.SchemaInfo {
	return map[string]*tfbridge.SchemaInfo{
		"region": {
			Default: &tfbridge.DefaultInfo{EnvVars: []string{"AWS_REGION", "AWS_DEFAULT_REGION"}},
		},
		"skip_metadata_api_check":     {Type: "boolean"},
		"skip_region_validation":      {Default: &tfbridge.DefaultInfo{Value: true}},
		"skip_credentials_validation": {Default: &tfbridge.DefaultInfo{Value: false}},
	}
}
