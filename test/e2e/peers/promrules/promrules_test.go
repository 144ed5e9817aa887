// promrules checks what docs/ gives to Prometheus with Prometheus' own code: its configuration, the rules, the queries of the dashboard,
// and that each alert is raised by what it is for, and by nothing less. It is what `promtool check config` and `promtool check rules` run;
// promtool itself brings the clients of every cloud with it and takes far longer to build.
//
// Built with `go test -c`, since Prometheus' test language runs within a Go test. DOCS names the folder.
package promrules

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
)

var (
	promql = parser.NewParser(parser.Options{})
	quiet  = slog.New(slog.DiscardHandler)
)

func file(t *testing.T, name string) string {
	t.Helper()
	docs := os.Getenv("DOCS")
	if docs == "" {
		t.Fatal("DOCS is not set: give the folder docs/ of Subspan")
	}
	return filepath.Join(docs, name)
}

func rules(t *testing.T) map[string]string {
	t.Helper()
	groups, errs := rulefmt.ParseFile(file(t, "prometheus/rules.yml"), false, model.UTF8Validation, promql, quiet)
	for _, err := range errs {
		t.Error(err)
	}
	expressions := map[string]string{}
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			name := rule.Alert + rule.Record
			if _, twice := expressions[name]; twice {
				t.Errorf("two rules are named %s", name)
			}
			expressions[name] = rule.Expr
		}
	}
	return expressions
}

func TestConfigurationIsReadAndNamesItsRules(t *testing.T) {
	path := file(t, "prometheus/prometheus.yml")
	loaded, err := config.LoadFile(path, false, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if len(loaded.RuleFiles) == 0 {
		t.Error("no rules are named")
	}
	for _, pattern := range loaded.RuleFiles {
		if found, err := filepath.Glob(pattern); err != nil || len(found) == 0 {
			t.Errorf("no file of rules is %s (%v)", pattern, err)
		}
	}
}

func TestDashboardQueriesAreUnderstood(t *testing.T) {
	bytes, err := os.ReadFile(file(t, "grafana/subspan.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard any
	if err := json.Unmarshal(bytes, &dashboard); err != nil {
		t.Fatal(err)
	}
	// What Grafana puts in their place.
	variables := strings.NewReplacer("$__rate_interval", "5m", "$job", "subspan", "$__range", "1h")
	queries := 0
	var walk func(any)
	walk = func(node any) {
		switch node := node.(type) {
		case map[string]any:
			if query, ok := node["expr"].(string); ok {
				queries++
				if _, err := promql.ParseExpr(variables.Replace(query)); err != nil {
					t.Errorf("%s: %v", query, err)
				}
			}
			for _, below := range node {
				walk(below)
			}
		case []any:
			for _, below := range node {
				walk(below)
			}
		}
	}
	walk(dashboard)
	if queries < 10 {
		t.Errorf("only %d queries were found", queries)
	}
}

// A scenario: series, one sample a minute from 0 on (_ is none, x20 the same twenty times more), and what a rule gives at a time.
type scenario struct {
	name   string
	series string
	at     string
	// Lines of the result; empty: the alert is silent.
	want string
}

var scenarios = map[string][]scenario{
	"subspan:spans_accepted:rate5m": {
		{"adds the doors up", `subspan_spans_accepted_total{receiver="otlp_http"} 0+60x20
			subspan_spans_accepted_total{receiver="zipkin"} 0+120x20`, "10m", `{} 3`},
	},
	"subspan:spans_left:rate5m": {
		{"keeps the ways apart", `subspan_spans_left_total{way="pass"} 0+60x20
			subspan_spans_left_total{way="hold"} 0+6x20`, "10m", `{way="pass"} 1
			{way="hold"} 0.1`},
	},
	"subspan:join_ratio:rate15m": {
		{"is 1 when every span has its task, and no series counts others", `subspan_spans_joined_total{evidence="task-name",way="now"} 0+60x40`, "30m", `{} 1`},
		{"is no number while nothing is captured, which is below nothing", `subspan_spans_joined_total{evidence="task-name",way="now"} 9x40`, "30m", `{} NaN`},
		{"leaves out spans outside the capture", `subspan_spans_joined_total{evidence="task-name",way="now"} 0+60x40
			subspan_spans_unmatched_total{reason="no-task"} 0+60x40
			subspan_spans_unmatched_total{reason="not-in-capture"} 0+6000x40`, "30m", `{} 0.5`},
	},
	"subspan:decode_seconds:p95_15m": {
		{"lies in the bucket", `subspan_decode_seconds_bucket{result="done",le="1"} 0+0x40
			subspan_decode_seconds_bucket{result="done",le="2"} 0+60x40
			subspan_decode_seconds_bucket{result="done",le="+Inf"} 0+60x40`, "30m", `{} 1.95`},
	},
	"SubspanDown": {
		{"it does not answer", `up{job="subspan"} 1x5 0x10`, "10m", `up{job="subspan"} 0`},
		{"it does", `up{job="subspan"} 1x20
			up{job="another"} 0x20`, "10m", ``},
	},
	"SubspanDestinationFailing": {
		{"for more than two minutes", `subspan_destination_failing_seconds{destination="tempo"} 0+60x20`, "10m", `subspan_destination_failing_seconds{destination="tempo"} 600`},
		{"a hiccup", `subspan_destination_failing_seconds{destination="tempo"} 0 60 0x20`, "10m", ``},
	},
	"SubspanQueueOld": {
		{"behind", `subspan_queue_oldest_seconds{destination="tempo"} 90x20`, "10m", `subspan_queue_oldest_seconds{destination="tempo"} 90`},
		{"not behind", `subspan_queue_oldest_seconds{destination="tempo"} 5x20`, "10m", ``},
	},
	"SubspanSpansRefused": {
		{"over HTTP, from the first time on", `subspan_receiver_requests_total{receiver="otlp_http",status="200"} 0+10x20
			subspan_receiver_requests_total{receiver="otlp_http",status="429"} _x5 3x14`, "8m", `{receiver="otlp_http",status="429"} 3`},
		{"over gRPC, again and again", `subspan_receiver_requests_total{receiver="otlp_grpc",status="8"} 0+1x20
			subspan_receiver_requests_total{receiver="jaeger_grpc",status="14"} 0+2x20`, "10m", `{receiver="otlp_grpc",status="8"} 5
			{receiver="jaeger_grpc",status="14"} 10`},
		{"long ago", `subspan_receiver_requests_total{receiver="otlp_http",status="429"} _x5 3x60`, "40m", ``},
		{"malformed ones are the sender's matter", `subspan_receiver_requests_total{receiver="otlp_http",status="400"} 0+10x20`, "10m", ``},
	},
	"SubspanSpansSetAside": {
		{"from the first request on", `subspan_dead_letters_total{destination="tempo",status="400"} _x20 1x40`, "25m", `{destination="tempo",status="400"} 1`},
		{"more of them", `subspan_dead_letters_total{destination="tempo",status="400"} 0+1x60`, "30m", `{destination="tempo",status="400"} 15`},
		{"an hour ago", `subspan_dead_letters_total{destination="tempo",status="400"} _x5 1x80`, "60m", ``},
	},
	"SubspanJournalDamaged": {
		{"bytes", `subspan_journal_damaged_bytes_total 0x20 100x40
			subspan_journal_damaged_entries_total 0x60`, "25m", `{} 100`},
		{"none", `subspan_journal_damaged_bytes_total 0x60
			subspan_journal_damaged_entries_total 0x60`, "25m", ``},
	},
	"SubspanCapturesFailing": {
		{"from the first on", `subspan_captures_total{state="done"} 0+1x60
			subspan_captures_total{state="failed"} _x20 1x40`, "25m", `{state="failed"} 1`},
		{"all are decoded", `subspan_captures_total{state="done"} 0+1x60`, "25m", ``},
	},
	"SubspanHoldsCrowdedOut": {
		{"from the first on", `subspan_holds_ended_total{reason="decoded"} 0+5x60
			subspan_holds_ended_total{reason="crowded"} _x20 7x40`, "25m", `{} 7`},
		{"none", `subspan_holds_ended_total{reason="decoded"} 0+5x60`, "25m", ``},
	},
	"SubspanFewTasksFound": {
		{"few", `subspan:join_ratio:rate15m 0.2x60`, "30m", `subspan:join_ratio:rate15m 0.2`},
		{"most", `subspan:join_ratio:rate15m 0.9x60`, "30m", ``},
	},
}

func TestEveryRuleGivesWhatItSays(t *testing.T) {
	for name, expression := range rules(t) {
		if len(scenarios[name]) == 0 {
			t.Errorf("%s has no scenario", name)
		}
		for _, scenario := range scenarios[name] {
			t.Run(name+"/"+scenario.name, func(t *testing.T) {
				var script strings.Builder
				script.WriteString("load 1m\n")
				for _, line := range strings.Split(scenario.series, "\n") {
					fmt.Fprintf(&script, "  %s\n", strings.TrimSpace(line))
				}
				fmt.Fprintf(&script, "\neval instant at %s %s\n", scenario.at, strings.Join(strings.Fields(expression), " "))
				for _, line := range strings.Split(scenario.want, "\n") {
					if line != "" {
						fmt.Fprintf(&script, "  %s\n", strings.TrimSpace(line))
					}
				}
				engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
				promqltest.RunTest(t, script.String(), engine)
			})
		}
	}
	for name := range scenarios {
		if _, known := rules(t)[name]; !known {
			t.Errorf("there is no rule %s any more", name)
		}
	}
}
