// Command EchoGo is a Tars server in Go on TarsGo. It offers the interface Echo of examples/echo.tars as Demo.EchoGo.EchoObj.
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
	// Reads the file that --config= names and that tarsnode has rendered. It contains the names of the application and the server.
	config := tars.GetServerConfig()
	host, err := os.Hostname()
	if err != nil {
		host = config.LocalIP
	}
	tars.AddServantWithContext(new(demo.Echo), echo{host}, config.App+"."+config.Server+".EchoObj")
	tars.Run()
}
