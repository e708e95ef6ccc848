// Package demo binds the interface Echo of examples/echo.tars to TarsGo's servants.
//
// The package does what the output of tars2go does, but for version 1 of the Tars protocol only. It is written by hand, because
// the Go module proxy cannot pin a version of tars2go. When examples/echo.tars changes, this file must change, too.
package demo

import (
	"context"
	"fmt"

	"github.com/TarsCloud/TarsGo/tars/protocol/codec"
	"github.com/TarsCloud/TarsGo/tars/protocol/res/basef"
	"github.com/TarsCloud/TarsGo/tars/protocol/res/requestf"
	"github.com/TarsCloud/TarsGo/tars/util/tools"
)

// EchoServant is what a server of the interface Echo implements.
type EchoServant interface {
	// Echo returns the message.
	Echo(ctx context.Context, message string) (string, error)
	// Hostname returns the name of the pod that answers.
	Hostname(ctx context.Context) (string, error)
}

// Echo dispatches requests to an EchoServant. Servers register it with tars.AddServantWithContext.
type Echo struct{}

// Dispatch decodes the arguments of the request, calls its function on the servant and fills the response.
//
// Dispatch fails if Echo has no such function, if the arguments cannot be decoded, or if the version is not 1. TarsGo turns the
// error into a response with return code 1 and the text of the error.
func (*Echo) Dispatch(ctx context.Context, servant interface{}, request *requestf.RequestPacket, response *requestf.ResponsePacket, _ bool) error {
	if request.IVersion != basef.TARSVERSION {
		return fmt.Errorf("protocol version %d is not served, only version %d", request.IVersion, basef.TARSVERSION)
	}
	echo, ok := servant.(EchoServant)
	if !ok {
		return fmt.Errorf("%T does not implement EchoServant", servant)
	}

	var result string
	var err error
	switch request.SFuncName {
	case "echo":
		var message string
		if err = codec.NewReader(tools.Int8ToByte(request.SBuffer)).ReadString(&message, 1, true); err != nil {
			return err
		}
		result, err = echo.Echo(ctx, message)
	case "hostname":
		result, err = echo.Hostname(ctx)
	default:
		return fmt.Errorf("func mismatch")
	}
	if err != nil {
		return err
	}

	buffer := codec.NewBuffer()
	if err = buffer.WriteString(result, 0); err != nil {
		return err
	}
	*response = requestf.ResponsePacket{
		IVersion:   request.IVersion,
		IRequestId: request.IRequestId,
		SBuffer:    tools.ByteToInt8(buffer.ToBytes()),
	}
	return nil
}
