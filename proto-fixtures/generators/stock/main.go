// Command stock is a small shop (or library) that is instrumented with a stock SDK and records itself.
//
// POST /order checks the stock, charges the card and packs the parcel: calls over loopback to other handlers of the same
// program, a cache, a worker pool, and some garbage. Every span is made by the SDK as anybody would have it made; the ids
// of spans are nowhere in the capture. What the program knows of spans and tasks goes to a file of its own.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"runtime/trace"
	"strings"
	"sync"
	"time"
)

// sdk is what the shop needs of a tracer.
type sdk interface {
	// start begins a span of a kind of OTLP's.
	start(ctx context.Context, name string, kind int) (context.Context, func(name string))
	// handler makes the spans of a server.
	handler(name string, h http.HandlerFunc) http.Handler
	// client makes those of calls.
	client() *http.Client
	// flush returns the spans that were sampled and ended.
	flush() []record
}

const (
	internal = 1
	server   = 2
	client   = 3
	producer = 4
	consumer = 5
)

type shop struct {
	sdk sdk
	url string
	// renamed is the name that an internal span gets at its end; it keeps its own where that is empty.
	renamed func(name string) string
	// asked are the paths that visitors ask for.
	asked []string
	jobs  chan func()
	cache sync.Map
	lock  sync.Mutex
}

func main() {
	out := flag.String("out", "", "path without extension: .trace, .spans.otlp.jsonl and .pairs.jsonl are written")
	app := flag.String("app", "shop", "shop or library")
	kind := flag.String("sdk", "otel", "otel or opencensus")
	seed := flag.Int64("seed", 1, "seed of the load")
	window := flag.Duration("window", time.Second, "how long to record")
	around := flag.Duration("around", 100*time.Millisecond, "how long the shop is open before and after")
	clients := flag.Int("clients", 3, "orders that may be under way at once")
	pause := flag.Duration("pause", 40*time.Millisecond, "longest pause of a client between two orders")
	rename := flag.Bool("rename", false, "internal spans get another name at their end")
	flag.Parse()
	if err := run(*out, *app, *kind, *seed, *window, *around, *clients, *pause, *rename); err != nil {
		fmt.Fprintln(os.Stderr, "stock:", err)
		os.Exit(1)
	}
}

func run(out, app, kind string, seed int64, window, around time.Duration, clients int, pause time.Duration, rename bool) error {
	known := &truth{}
	s := &shop{renamed: func(string) string { return "" }, jobs: make(chan func(), 64)}
	switch kind {
	case "otel":
		s.sdk = newOTel(known)
	case "opencensus":
		s.sdk = newOpenCensus(known)
	default:
		return fmt.Errorf("no SDK %q: otel or opencensus", kind)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.url = "http://" + listener.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	routes := http.NewServeMux()
	switch app {
	case "shop":
		s.asked = []string{"/order"}
		routes.Handle("/order", s.sdk.handler("POST /order", s.order))
		routes.Handle("/stock", s.sdk.handler("POST /stock", s.stock))
		routes.Handle("/charge", s.sdk.handler("POST /charge", s.charge))
		if rename {
			s.renamed = func(name string) string { return name + [...]string{" (done)", " (cached)"}[rand.Intn(8)/7] }
		}
	case "library":
		s.asked = []string{"/search", "/suggest", "/suggest"}
		s.library(ctx, routes)
		if rename {
			s.renamed = func(name string) string {
				thing, work, _ := strings.Cut(name, ".")
				return work + " " + thing + [...]string{"", "", " again"}[rand.Intn(3)]
			}
		}
	default:
		return fmt.Errorf("no app %q: shop or library", app)
	}
	shopServer := &http.Server{Handler: routes}
	go shopServer.Serve(listener)
	defer shopServer.Close()

	var people sync.WaitGroup
	for i := 0; i < 4; i++ {
		go func() {
			for job := range s.jobs {
				job()
			}
		}()
	}
	for i := 0; i < clients; i++ {
		random := rand.New(rand.NewSource(seed*1000 + int64(i)))
		people.Add(1)
		go func() {
			defer people.Done()
			s.shopper(ctx, random, pause)
		}()
	}
	time.Sleep(around)
	var capture strings.Builder
	if err := trace.Start(&capture); err != nil {
		return err
	}
	recording.Store(true)
	time.Sleep(window)
	recording.Store(false)
	trace.Stop()
	time.Sleep(around)
	stop()
	people.Wait()
	time.Sleep(20 * time.Millisecond)
	if err := os.WriteFile(out+".trace", []byte(capture.String()), 0o644); err != nil {
		return err
	}
	records := s.sdk.flush()
	if err := writeSpans(out+".spans.otlp.jsonl", records, kind); err != nil {
		return err
	}
	return known.write(out+".pairs.jsonl", records)
}

// shopper asks for one thing after another; one request in twelve asks not to be sampled.
func (s *shop) shopper(ctx context.Context, random *rand.Rand, pause time.Duration) {
	plain := &http.Client{}
	for ctx.Err() == nil {
		request, _ := http.NewRequestWithContext(ctx, http.MethodPost, s.url+s.asked[random.Intn(len(s.asked))], strings.NewReader("1 book"))
		if random.Intn(12) == 0 {
			request.Header.Set("X-Unsampled", "1")
		}
		if response, err := plain.Do(request); err == nil {
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
		if pause > 0 {
			time.Sleep(time.Duration(random.Int63n(int64(pause))))
		}
	}
}

func (s *shop) order(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	s.within(ctx, "cart.validate", func(context.Context) { spin(20 * time.Microsecond) })
	if err := s.call(ctx, "/stock"); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	for i := 0; i < 3; i++ {
		s.within(ctx, "price.item", func(context.Context) { spin(time.Duration(2+rand.Intn(9)) * time.Microsecond) })
	}
	var packing sync.WaitGroup
	for i := 0; i < 2; i++ {
		packing.Add(1)
		s.jobs <- func() {
			defer packing.Done()
			s.within(ctx, "parcel.pack", func(context.Context) { spin(time.Duration(30+rand.Intn(200)) * time.Microsecond) })
		}
	}
	err := s.call(ctx, "/charge")
	packing.Wait()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	s.within(ctx, "receipt.render", func(context.Context) { io.WriteString(w, strings.Repeat("thanks ", 500)) })
}

func (s *shop) stock(w http.ResponseWriter, r *http.Request) {
	s.within(r.Context(), "cache.get", func(ctx context.Context) {
		key := rand.Intn(40)
		if _, found := s.cache.Load(key); found {
			return
		}
		s.within(ctx, "table.scan", func(context.Context) {
			s.lock.Lock()
			defer s.lock.Unlock()
			garbage = make([][]byte, 0)
			for i := 0; i < 64; i++ {
				garbage = append(garbage, make([]byte, 4096))
			}
			s.cache.Store(key, true)
		})
	})
	io.WriteString(w, "12 left")
}

func (s *shop) charge(w http.ResponseWriter, r *http.Request) {
	s.within(r.Context(), "bank.ask", func(context.Context) {
		time.Sleep(time.Duration(200+rand.Intn(2500)) * time.Microsecond)
	})
	s.within(r.Context(), "ledger.write", func(context.Context) {
		file, err := os.CreateTemp("", "ledger")
		if err != nil {
			return
		}
		file.Write(make([]byte, 8192))
		file.Close()
		os.Remove(file.Name())
	})
	io.WriteString(w, "charged")
}

// within runs work in a span.
func (s *shop) within(ctx context.Context, name string, work func(context.Context)) {
	ctx, end := s.sdk.start(ctx, name, internal)
	work(ctx)
	end(s.renamed(name))
}

func (s *shop) call(ctx context.Context, path string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+path, strings.NewReader("{}"))
	if err != nil {
		return err
	}
	response, err := s.sdk.client().Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	response.Body.Close()
	return err
}

var garbage [][]byte

func spin(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}
