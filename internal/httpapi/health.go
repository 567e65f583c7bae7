package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"aaa-api/internal/aaa"
	"aaa-api/internal/line"
	"aaa-api/internal/operations"
	"aaa-api/internal/tally"
	"aaa-api/internal/web"
)

// healthz says that the process lives; nothing else is looked at.
func (a *API) healthz(c *web.Call) error {
	c.Send(http.StatusOK, web.FormJSON, []byte(`{"status":"ok"}`+"\n"))
	return nil
}

// readyTime is how long a balancer waits for the security module: for a moment longer than that takes to check.
const readyTime = 750 * time.Millisecond

// readyz says whether AAA requests can be served, and by which checks. What is wrong goes to the log alone.
func (a *API) readyz(c *web.Call) error { return a.ready(c, false) }

// readyzBrief is readyz without the checks.
func (a *API) readyzBrief(c *web.Call) error { return a.ready(c, true) }

// secmodCheck is the check that fails where the security module says nothing.
const secmodCheck = "security module"

func (a *API) ready(c *web.Call, brief bool) error {
	ctx, cancel := context.WithTimeout(c.Context(), readyTime)
	defer cancel()
	s, err := operations.Ready.Call(ctx, a.Line, from(c), operations.None{})
	if err != nil {
		s = operations.State{Status: operations.StateUnavailable, Checks: map[string]string{secmodCheck: operations.StateUnavailable}, Why: err.Error()}
	}
	if s.Why != "" {
		c.Note(errors.New(s.Why))
	}
	answer := map[string]any{"status": s.Status}
	if !brief {
		answer["checks"] = s.Checks
		if lacks := slices.Concat(a.Lacks, s.Lacks); c.Query().Has("verbose") {
			answer["missing_protections"] = append([]string{}, lacks...)
		}
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	code := http.StatusOK
	if s.Status == operations.StateUnavailable {
		code = http.StatusServiceUnavailable
		c.Header().Set("Retry-After", "1")
	}
	c.Send(code, web.FormJSON, append(text, '\n'))
	return nil
}

// metrics shows the metrics of all processes of the node.
func (a *API) metrics(c *web.Call) error {
	families, err := a.families(c)
	if aaa.KindOf(err) == aaa.KindNotFound {
		return web.ErrNoRoute
	}
	if err != nil {
		return err
	}
	gathered := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return families, nil })
	promhttp.HandlerFor(gathered, promhttp.HandlerOpts{}).ServeHTTP(c, c.Request())
	return nil
}

// families exchanges the metrics of this process, if it has some of its own, for those of the node.
func (a *API) families(c *web.Call) ([]*dto.MetricFamily, error) {
	own, err := a.own()
	if err != nil {
		return nil, err
	}
	all, err := operations.Metrics.Call(c.Context(), a.Line, from(c), own)
	if err != nil {
		return nil, err
	}
	return tally.Read(all.Octets)
}

// own are the metrics of this process, if it has some of its own.
func (a *API) own() (f operations.Families, err error) {
	if a.Own == nil {
		return f, nil
	}
	families, err := a.Own.Gather()
	if err != nil {
		return f, err
	}
	f.Octets, err = tally.Write(families)
	return f, err
}

// ReportMetrics hands the metrics of this process over, so that the security module has them when another process is asked for those of the node.
func (a *API) ReportMetrics(ctx context.Context) error {
	own, err := a.own()
	if err != nil {
		return err
	}
	_, err = operations.ReportMetrics.Call(ctx, a.Line, line.From{At: time.Now()}, own)
	return err
}
