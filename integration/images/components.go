package main

import "path"

// toolchain says how a program is compiled.
type toolchain string

const (
	// rust is a package of the Cargo workspace.
	rust toolchain = "rust"
	// golang is a folder with a Go package, below the root of the repository.
	golang toolchain = "go"
)

const (
	// registry is the first part of the name of every image, and the default of `controller.registry` and `framework.registry` in the
	// charts.
	registry = "docker.io/tarsrs"
	// nobody is the user of most programs. It is a number, because Kubernetes checks `runAsNonRoot` by the number.
	nobody = 65532
)

// startServer starts a Tars server. The init container puts this program into the shared folder of the pod.
var startServer = []string{"/usr/local/app/tars/tarsnode/bin/tarsnode", "start"}

// component is one image, with everything in which it differs from the others.
type component struct {
	// name is the name of the component in commands, and of its archive.
	name string
	// image is the last part of the name of the image.
	image string
	title string
	about string

	toolchain toolchain
	// source is the Cargo package (rust), or the folder of the Go package below the root of the repository (go).
	source string
	// program is the name of the Cargo binary. Go does not use it.
	program string
	// path is the path of the program in the image.
	path string

	entrypoint []string
	env        []string
	user       int
	// owned are folders that belong to the user. Everything else belongs to root, and the user cannot write it.
	owned []string
	// extra is true for images that are only made on request, for the local cluster and the tests.
	extra bool
}

// reference is the full name of the image with its tag.
func (c component) reference(version string) string {
	return registry + "/" + c.image + ":" + version
}

// newService describes a component of the cluster: the program is in a folder of its own and starts without arguments.
func newService(name, about string) component {
	file := path.Join("/usr/local/app/tars", name, "bin", name)
	return component{
		name: name, image: name, title: name, about: about,
		toolchain: rust, source: name, program: name,
		path: file, entrypoint: []string{file}, user: nobody,
	}
}

// newServer describes a Tars server such as users write. tarsnode, which is in the shared folder of the pod, starts the program in the
// folder of the server.
func newServer(name, program, serverType, about string) component {
	return component{
		name: name, image: "tars." + name, title: program, about: about,
		path: "/usr/local/server/bin/" + program, entrypoint: startServer,
		env: []string{"ServerType=" + serverType}, user: nobody,
		owned: []string{"/usr/local/app/tars/app_log"},
	}
}

// components lists every image. Dockerfile is generated from it: `build.sh dockerfile`.
func components() []component {
	agent := newService("tarsagent", "Node agent of Tars on Kubernetes: makes local volumes")
	// The agent makes folders on the node and gives them to the users that TServers name.
	agent.user = 0

	registryServer := newService("tarsregistry", "Name service of Tars servers on Kubernetes")
	registryServer.image = "tars.tarsregistry"

	node := newService("tarsnode", "Prepares and starts Tars servers in their pods")
	node.image = "tars.tarsnode"
	node.path = "/tarsnode/bin/tarsnode"
	node.entrypoint = []string{node.path, "install"}

	echoRust := newServer("echo-rust", "EchoRust", "cpp", "Example of a Tars server in Rust")
	echoRust.toolchain, echoRust.source, echoRust.program = rust, "echo-server", "echo-server"

	echoGo := newServer("echo-go", "EchoGo", "go", "Example of a Tars server in Go, on TarsGo")
	echoGo.toolchain, echoGo.source = golang, "examples/echo-go"

	return []component{
		newService("tarscontroller", "Controller of Tars on Kubernetes"),
		newService("tarswebhook", "Admission and conversion webhook of Tars on Kubernetes"),
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
			name: "probe", image: "probe", title: "probe", about: "Tests the network of a cluster from inside a pod",
			toolchain: golang, source: "integration/images/probe",
			path: "/probe", entrypoint: []string{"/probe"}, user: nobody, extra: true,
		},
	}
}
