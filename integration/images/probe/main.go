// A small program for tests of a cluster. With it, a test can use the network from inside a pod whose image has no shell.
//
//	probe serve ADDRESS     answers every request with the name of the host, until SIGTERM
//	probe hold ADDRESS      accepts every connection and never answers, until SIGTERM
//	probe resolve NAME...   prints the addresses of each name, one line for each name
//	probe record FILE       adds a line with the name of the host to FILE, prints all its lines, and waits for SIGTERM
//	probe get URL           prints status and body of the answer; for https it uses the token and the CA of the service account
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount/"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string) error {
	if len(arguments) < 2 {
		return errors.New("usage: probe serve ADDRESS | hold ADDRESS | resolve NAME... | record FILE | get URL")
	}
	switch arguments[0] {
	case "serve":
		return serve(ctx, arguments[1])
	case "hold":
		return hold(ctx, arguments[1])
	case "resolve":
		return resolve(ctx, arguments[1:])
	case "record":
		return record(ctx, arguments[1])
	case "get":
		return get(ctx, arguments[1])
	default:
		return fmt.Errorf("unknown command %q", arguments[0])
	}
}

func serve(ctx context.Context, address string) error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	server := http.Server{
		Addr:              address,
		ReadHeaderTimeout: 5 * time.Second,
		Handler: http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
			fmt.Fprintln(answer, host)
			fmt.Println(request.RemoteAddr, request.URL)
		}),
	}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	fmt.Println("serving on", address)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// hold behaves like a server that hangs.
func hold(ctx context.Context, address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Println("holding on", address)
	// A connection that is collected as garbage would be closed.
	var held []net.Conn
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			held = append(held, connection)
		}
	}()
	<-ctx.Done()
	return listener.Close()
}

// record shows whether data outlives a pod: each run of the program adds one line.
func record(ctx context.Context, path string) error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := fmt.Fprintln(file, "life of", host); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	lines, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	fmt.Print(string(lines))
	<-ctx.Done()
	return nil
}

func resolve(ctx context.Context, names []string) error {
	for _, name := range names {
		addresses, err := net.DefaultResolver.LookupHost(ctx, name)
		if err != nil {
			return err
		}
		fmt.Println(name, strings.Join(addresses, " "))
	}
	return nil
}

func get(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: 10 * time.Second}
	if authority, err := os.ReadFile(serviceAccount + "ca.crt"); err == nil && strings.HasPrefix(url, "https:") {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(authority)
		client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
		token, err := os.ReadFile(serviceAccount + "token")
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	fmt.Println(answer.Status)
	_, err = io.Copy(os.Stdout, answer.Body)
	return err
}
