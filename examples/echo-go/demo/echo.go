// Package demo binds the interface Echo of examples/echo.tars to TarsGo's servants.
//
// It is what tars2go writes for a Go server, reduced to the Tars encoding (version 1). It is written by hand because
// tars2go can't be pinned through the Go module proxy; it must follow examples/echo.tars.
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
	// Echo gives back message.
	Echo(ctx context.Context, message string) (string, error)
	// Hostname names the host that answers.
	Hostname(ctx context.Context) (string, error)
}

// Echo dispatches requests to an EchoServant; register it with tars.AddServantWithContext.
type Echo struct{}

// Dispatch decodes the arguments of request, calls the function it names on servant and fills response.
//
// It fails for a function that Echo does not have, for arguments that don't decode and for other versions than 1; TarsGo
// turns the error into a response with return code 1 and the error's text.
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
