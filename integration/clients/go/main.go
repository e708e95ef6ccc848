// Command tars-client calls a Tars echo servant through an unmodified TarsGo client, which knows only the locator.
//
// It prints the endpoints that the name service gave, how many calls succeeded and failed, the latency, and which hosts answered.
// The exit code is 1 when more calls failed than --allow-failed, 2 when the client could not start, and 0 otherwise.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/TarsCloud/TarsGo/tars"
	"github.com/TarsCloud/TarsGo/tars/protocol/res/endpointf"
	"github.com/TarsCloud/TarsGo/tars/protocol/res/queryf"
	"github.com/TarsCloud/TarsGo/tars/util/rogger"

	"example.invalid/tars-client/demo"
)

type options struct {
	locator, object string
	calls           int64
	concurrency     int
	duration, wait  time.Duration
	rate            int
	size            int
	timeout         time.Duration
	refresh         time.Duration
	allowFailed     int64
	json, progress  bool
}

// Report is the output of --json.
type Report struct {
	Object    string           `json:"object"`
	Active    []string         `json:"active_endpoints"`
	Inactive  []string         `json:"inactive_endpoints"`
	Seconds   float64          `json:"seconds"`
	OK        int64            `json:"ok"`
	Failed    int64            `json:"failed"`
	P50       float64          `json:"p50_ms"`
	P99       float64          `json:"p99_ms"`
	Max       float64          `json:"max_ms"`
	PerSecond float64          `json:"calls_per_second"`
	Hosts     map[string]int64 `json:"answered_by"`
	Errors    map[string]int64 `json:"errors"`
}

func main() {
	o := parseFlags()
	// TarsGo parses os.Args itself, and complains about flags that it does not know.
	os.Args = os.Args[:1]
	// TarsGo logs to standard output. The report contains the errors.
	rogger.SetLevel(rogger.OFF)
	communicator := tars.NewCommunicator()
	communicator.SetLocator(o.locator)
	if o.refresh > 0 {
		communicator.Client.RefreshEndpointInterval = int(o.refresh.Milliseconds())
	}

	active, inactive, err := resolve(communicator, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tars-client:", err)
		os.Exit(2)
	}
	echo := new(demo.Echo)
	communicator.StringToProxy(o.object, echo)
	echo.SetTimeout(int(o.timeout.Milliseconds()))

	report := makeCalls(echo, o)
	report.Object, report.Active, report.Inactive = o.object, formatEndpoints(active), formatEndpoints(inactive)
	if o.json {
		_ = json.NewEncoder(os.Stdout).Encode(report)
	} else {
		report.print()
	}
	if report.Failed > o.allowFailed {
		os.Exit(1)
	}
}

func parseFlags() options {
	var o options
	flag.StringVar(&o.locator, "locator", "tars.tarsregistry.QueryObj@tcp -h tars-tarsregistry -p 17890", "proxy string of the name service")
	flag.StringVar(&o.object, "object", "Demo.EchoRust.EchoObj", "servant to call; the locator is not used when fixed addresses follow after an @")
	flag.Int64Var(&o.calls, "calls", 1000, "number of calls; ignored with --duration")
	flag.IntVar(&o.concurrency, "concurrency", 1, "number of calls at the same time")
	flag.DurationVar(&o.duration, "duration", 0, "call for this long instead of counting calls")
	flag.IntVar(&o.rate, "rate", 0, "calls per second; 0 means as fast as possible")
	flag.IntVar(&o.size, "size", 32, "bytes of each message")
	flag.DurationVar(&o.timeout, "timeout", 3*time.Second, "time limit of one call")
	flag.DurationVar(&o.wait, "wait", 0, "how long to wait for the first endpoint")
	flag.DurationVar(&o.refresh, "refresh", 0, "time after which TarsGo asks the name service again; 0 means its default of one minute")
	flag.Int64Var(&o.allowFailed, "allow-failed", 0, "number of failed calls up to which the exit code is 0")
	flag.BoolVar(&o.json, "json", false, "print the result as one line of JSON")
	flag.BoolVar(&o.progress, "progress", false, "print a line each second to standard error")
	flag.Parse()
	if flag.NArg() > 0 || o.concurrency < 1 || o.size < 0 || o.rate < 0 {
		fmt.Fprintln(os.Stderr, "tars-client: --concurrency must be at least 1, --size and --rate at least 0, and there are no arguments besides flags")
		os.Exit(2)
	}
	return o
}

// resolve asks the name service until it knows an active endpoint, or until the wait is over.
//
// An object with fixed addresses (`Demo.EchoGo.EchoObj@tcp -h 127.0.0.1 -p 10102`) needs no name service.
func resolve(communicator *tars.Communicator, o options) (active, inactive []endpointf.EndpointF, err error) {
	if strings.Contains(o.object, "@") {
		return nil, nil, nil
	}
	query := new(queryf.QueryF)
	communicator.StringToProxy(o.locator, query)
	for until := time.Now().Add(o.wait); ; time.Sleep(250 * time.Millisecond) {
		var code int32
		code, err = query.FindObjectByIdInSameGroup(o.object, &active, &inactive)
		if err == nil && len(active) > 0 {
			return active, inactive, nil
		}
		if time.Now().After(until) {
			if err != nil {
				return nil, nil, fmt.Errorf("the name service at %q does not answer: %w", o.locator, err)
			}
			return nil, nil, fmt.Errorf("the name service knows no active endpoint of %s (code %d, %d inactive)", o.object, code, len(inactive))
		}
	}
}

func formatEndpoints(endpoints []endpointf.EndpointF) []string {
	out := []string{}
	for _, e := range endpoints {
		out = append(out, fmt.Sprintf("%s:%d", e.Host, e.Port))
	}
	sort.Strings(out)
	return out
}

// tally collects the results of all callers.
type tally struct {
	sync.Mutex
	latencies []time.Duration
	failed    int64
	hosts     map[string]int64
	errors    map[string]int64
}

func (t *tally) add(latency time.Duration, host string, err error) {
	t.Lock()
	defer t.Unlock()
	if err != nil {
		t.failed++
		text := err.Error()
		if len(text) > 160 {
			text = text[:160]
		}
		t.errors[text]++
		return
	}
	t.latencies = append(t.latencies, latency)
	if host != "" {
		t.hosts[host]++
	}
}

// makeCalls makes the calls. Every seventh call asks for the name of the host: seven is odd, so a rotation over two servers asks both.
// All other calls check that the message comes back unchanged.
func makeCalls(echo *demo.Echo, o options) Report {
	t := &tally{hosts: map[string]int64{}, errors: map[string]int64{}}
	message := strings.Repeat("x", o.size)
	ctx := context.Background()
	var number int64
	start := time.Now()
	end := start.Add(o.duration)
	var workers sync.WaitGroup
	for i := 0; i < o.concurrency; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for {
				n := atomic.AddInt64(&number, 1)
				if o.rate > 0 {
					time.Sleep(time.Until(start.Add(time.Duration(n-1) * time.Second / time.Duration(o.rate))))
				}
				if o.duration > 0 && time.Now().After(end) || o.duration == 0 && n > o.calls {
					return
				}
				began := time.Now()
				host, err := callOnce(ctx, echo, n, message)
				t.add(time.Since(began), host, err)
			}
		}()
	}
	done := make(chan struct{})
	if o.progress {
		go printProgress(t, start, done)
	}
	workers.Wait()
	close(done)
	return t.summarize(time.Since(start))
}

func callOnce(ctx context.Context, echo *demo.Echo, n int64, message string) (host string, err error) {
	if n%7 == 1 {
		return echo.Hostname(ctx)
	}
	sent := fmt.Sprintf("%d %s", n, message)
	got, err := echo.Echo(ctx, sent)
	if err == nil && got != sent {
		err = fmt.Errorf("the server returned another message than the one that was sent")
	}
	return "", err
}

func printProgress(t *tally, start time.Time, done <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	ok, failed := 0, int64(0)
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			t.Lock()
			fmt.Fprintf(os.Stderr, "  %3.0f s  ok %d  failed %d\n", time.Since(start).Seconds(), len(t.latencies)-ok, t.failed-failed)
			ok, failed = len(t.latencies), t.failed
			t.Unlock()
		}
	}
}

func (t *tally) summarize(elapsed time.Duration) Report {
	sort.Slice(t.latencies, func(i, j int) bool { return t.latencies[i] < t.latencies[j] })
	at := func(share float64) float64 {
		if len(t.latencies) == 0 {
			return 0
		}
		return float64(t.latencies[int(share*float64(len(t.latencies)-1))].Microseconds()) / 1000
	}
	ok := int64(len(t.latencies))
	return Report{
		Seconds: elapsed.Seconds(), OK: ok, Failed: t.failed, P50: at(0.5), P99: at(0.99), Max: at(1),
		PerSecond: float64(ok) / elapsed.Seconds(), Hosts: t.hosts, Errors: t.errors,
	}
}

func (r Report) print() {
	fmt.Printf("%s  through TarsGo %s\n", r.Object, tars.Version)
	fmt.Printf("  endpoints    %s\n", strings.Join(r.Active, "  "))
	if len(r.Inactive) > 0 {
		fmt.Printf("  inactive     %s\n", strings.Join(r.Inactive, "  "))
	}
	fmt.Printf("  calls        %d ok, %d failed in %.2f s (%.0f/s)\n", r.OK, r.Failed, r.Seconds, r.PerSecond)
	fmt.Printf("  latency      p50 %.2f ms, p99 %.2f ms, max %.2f ms\n", r.P50, r.P99, r.Max)
	hosts := []string{}
	for host, count := range r.Hosts {
		hosts = append(hosts, fmt.Sprintf("%s (%d)", host, count))
	}
	sort.Strings(hosts)
	fmt.Printf("  answered by  %s  (every 7th call asks for the host)\n", strings.Join(hosts, "  "))
	for text, count := range r.Errors {
		fmt.Printf("  error        %d x %s\n", count, text)
	}
}
