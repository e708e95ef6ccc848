// Command EchoGo is a Tars server in Go on TarsGo: it serves the interface Echo of examples/echo.tars as Demo.EchoGo.EchoObj.
package main

import (
	"context"
	"os"

	"github.com/TarsCloud/TarsGo/tars"

	"example.invalid/echo-go/demo"
)

type echo struct{ host string }

func (echo) Echo(_ context.Context, message string) (string, error) { return message, nil }

func (e echo) Hostname(context.Context) (string, error) { return e.host, nil }

func main() {
	// Reads the file named by --config=, which tarsnode rendered; application and server name come from there.
	config := tars.GetServerConfig()
	host, err := os.Hostname()
	if err != nil {
		host = config.LocalIP
	}
	tars.AddServantWithContext(new(demo.Echo), echo{host}, config.App+"."+config.Server+".EchoObj")
	tars.Run()
}
