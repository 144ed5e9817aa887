// dockerlint says what `docker build --check` says of Dockerfiles, by the linter of BuildKit itself. Base images are not asked for: each is
// taken as one that is there and has no configuration. Ends with 1 when there is anything to say.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerui"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

type anyImage struct{}

func (anyImage) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	config, err := json.Marshal(ocispecs.Image{Platform: ocispecs.Platform{OS: "linux", Architecture: "amd64"}})
	return ref, digest.FromString(ref), config, err
}

func main() {
	bad := 0
	for _, file := range os.Args[1:] {
		text, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		platform := ocispecs.Platform{OS: "linux", Architecture: "amd64"}
		source := llb.NewSourceMap(nil, file, "Dockerfile", text)
		source.Definition = &llb.Definition{}
		results, err := dockerfile2llb.DockerfileLint(context.Background(), text, dockerfile2llb.ConvertOpt{
			Config:         dockerui.Config{BuildPlatforms: []ocispecs.Platform{platform}, LinterConfig: &linter.Config{ExperimentalAll: true}},
			SourceMap:      source,
			TargetPlatform: &platform,
			MetaResolver:   anyImage{},
		})
		if err != nil {
			panic(err)
		}
		if results.Error != nil {
			fmt.Println(file, "error:", results.Error.Message)
			bad++
		}
		for _, warning := range results.Warnings {
			fmt.Printf("%s:%d: %s: %s\n", file, warning.Location.Ranges[0].Start.Line, warning.RuleName, warning.Detail)
			bad++
		}
	}
	if bad > 0 {
		os.Exit(1)
	}
}
