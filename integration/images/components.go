package main

import "path"

// How a program is compiled.
type toolchain string

const (
	// rust is a package of the Cargo workspace.
	rust toolchain = "rust"
	// golang is a folder with a Go package, below the repository's root.
	golang toolchain = "go"
)

const (
	// registry is the first part of every image's name; charts take it as `controller.registry` and `framework.registry`.
	registry = "docker.io/tarsrs"
	// nobody is who the programs run as. The number is what Kubernetes checks `runAsNonRoot` against.
	nobody = 65532
)

// The program that the init container lays out in a Tars pod's shared folder; it starts the server.
var startServer = []string{"/usr/local/app/tars/tarsnode/bin/tarsnode", "start"}

// component is one image: everything that tells it from the others.
type component struct {
	// name is the component's name in commands, and of its archive.
	name string
	// image is the last part of the image's name.
	image string
	title string
	about string

	toolchain toolchain
	// source is the Cargo package (rust) or the folder of the Go package below the repository's root (go).
	source string
	// program is the name of the Cargo binary; unused for Go.
	program string
	// path is where the program lies in the image.
	path string

	entrypoint []string
	env        []string
	user       int
	// owned are folders that belong to the user; all else belongs to root and can't be written.
	owned []string
	// extra says that the image is made on request only: it is for the local cluster and the tests.
	extra bool
}

// reference is the image's full name with its tag.
func (c component) reference(version string) string {
	return registry + "/" + c.image + ":" + version
}

// service is a component of the cluster: the program under its own folder, started without arguments.
func service(name, about string) component {
	file := path.Join("/usr/local/app/tars", name, "bin", name)
	return component{
		name: name, image: name, title: name, about: about,
		toolchain: rust, source: name, program: name,
		path: file, entrypoint: []string{file}, user: nobody,
	}
}

// server is a Tars server as users write them: tarsnode, from the pod's shared folder, starts what lies in the server folder.
func server(name, program, serverType, about string) component {
	return component{
		name: name, image: "tars." + name, title: program, about: about,
		path: "/usr/local/server/bin/" + program, entrypoint: startServer,
		env: []string{"ServerType=" + serverType}, user: nobody,
		owned: []string{"/usr/local/app/tars/app_log"},
	}
}

// components lists every image. Dockerfile is generated from it: `build.sh dockerfile`.
func components() []component {
	agent := service("tarsagent", "Node agent of Tars on Kubernetes: local volumes and log clean-up")
	// It makes folders on the node and gives them the owners that pods ask for.
	agent.user = 0

	registryServer := service("tarsregistry", "Name service and configuration of Tars servers on Kubernetes")
	registryServer.image = "tars.tarsregistry"

	node := service("tarsnode", "Lays out and starts Tars servers in their pods")
	node.image = "tars.tarsnode"
	node.path = "/tarsnode/bin/tarsnode"
	node.entrypoint = []string{node.path, "install"}

	echoRust := server("echo-rust", "EchoRust", "cpp", "Example of a Tars server in Rust")
	echoRust.toolchain, echoRust.source, echoRust.program = rust, "echo-server", "echo-server"

	echoGo := server("echo-go", "EchoGo", "go", "Example of a Tars server in Go, on TarsGo")
	echoGo.toolchain, echoGo.source = golang, "examples/echo-go"

	return []component{
		service("tarscontroller", "Controller of Tars on Kubernetes"),
		service("tarswebhook", "Admission and conversion of the k8s.tars.io kinds"),
		agent,
		registryServer,
		node,
		echoRust,
		echoGo,
		{
			name: "client-go", image: "tars.client-go", title: "tars-client", about: "TarsGo client that knows only the locator",
			toolchain: golang, source: "integration/clients/go",
			path: "/usr/local/bin/tars-client", entrypoint: []string{"/usr/local/bin/tars-client"}, user: nobody,
		},
		{
			name: "pause", image: "pause", title: "pause", about: "Holds the network of a pod of the local cluster",
			toolchain: golang, source: "integration/images/pause",
			path: "/pause", entrypoint: []string{"/pause"}, user: nobody, extra: true,
		},
		{
			name: "probe", image: "probe", title: "probe", about: "Looks at the cluster's network from inside a pod",
			toolchain: golang, source: "integration/images/probe",
			path: "/probe", entrypoint: []string{"/probe"}, user: nobody, extra: true,
		},
	}
}
