// Package demo is the client side of the interface Echo of examples/echo.tars for TarsGo.
//
// It is the code that tars2go generates for a client, without the overloads that this client does not use.
package demo

import (
	"context"

	"github.com/TarsCloud/TarsGo/tars/model"
	"github.com/TarsCloud/TarsGo/tars/protocol/codec"
	"github.com/TarsCloud/TarsGo/tars/protocol/res/requestf"
	"github.com/TarsCloud/TarsGo/tars/util/tools"
)

// Echo is the proxy. Communicator.StringToProxy must get it before the first call.
type Echo struct{ servant model.Servant }

// SetServant is called by the communicator.
func (e *Echo) SetServant(servant model.Servant) { e.servant = servant }

// SetTimeout limits each call, in milliseconds.
func (e *Echo) SetTimeout(milliseconds int) { e.servant.TarsSetTimeout(milliseconds) }

// Echo asks the server to return the message.
func (e *Echo) Echo(ctx context.Context, message string) (string, error) {
	arguments := codec.NewBuffer()
	if err := arguments.WriteString(message, 1); err != nil {
		return "", err
	}
	return e.call(ctx, "echo", arguments)
}

// Hostname asks the server for the name of its host.
func (e *Echo) Hostname(ctx context.Context) (string, error) {
	return e.call(ctx, "hostname", codec.NewBuffer())
}

func (e *Echo) call(ctx context.Context, function string, arguments *codec.Buffer) (result string, err error) {
	response := new(requestf.ResponsePacket)
	if err = e.servant.TarsInvoke(ctx, 0, function, arguments.ToBytes(), nil, nil, response); err != nil {
		return "", err
	}
	err = codec.NewReader(tools.Int8ToByte(response.SBuffer)).ReadString(&result, 0, true)
	return result, err
}
