package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"aaa-api/internal/aaa"
	"aaa-api/internal/backoff"
	"aaa-api/internal/gateway"
	"aaa-api/internal/operations"
	"aaa-api/internal/tail"
)

// requestView is the summary of an AAA request as JSON.
type requestView struct {
	Time    time.Time     `json:"time"`
	Account aaa.AccountID `json:"account_id"`
	Op      string        `json:"operation"`
	User    string        `json:"user"`
	Outcome string        `json:"outcome"`
	Server  string        `json:"server"`
	Device  string        `json:"device,omitempty"`
	Reason  string        `json:"reason"`
	Millis  float64       `json:"ms"`
	ID      string        `json:"request_id"`
}

func viewRequest(e tail.Entry) requestView {
	return requestView{
		Time: e.At.UTC(), Account: e.Account, Op: e.Op.String(), User: e.User, Outcome: e.Outcome, Server: e.Server, Device: e.Device, Reason: e.Reason,
		Millis: float64(e.Took.Microseconds()) / 1000, ID: e.ID,
	}
}

func ctlRequests(env environment) *cobra.Command {
	v := newVerb(env, "requests", "Show the last AAA requests, and follow them live", `Show the last AAA requests that this node has in memory, and with --follow each one as it ends, until you press Ctrl-C.

A request is here once it has passed the API's checks, whichever way it came: alone, in a batch, or as a login or record of a session. REASON says why
the outcome is not an accept. Names of users are shown; passwords and secrets are not kept. Long texts are cut.

With --output json --follow each line is an object. A line {"missed":N} tells of requests that came too fast to be shown.`,
		"  aaa-api ctl requests --user alice\n  aaa-api ctl requests --follow --outcome reject --account de300000000000000000000000000002\n  aaa-api ctl requests -f --output json | jq .reason", cobra.NoArgs)
	q, outcomes := operations.AskRequests{}, gateway.Outcomes()
	account := v.accountBelow("only those of this account and of all below it")
	v.Flags().StringVar(&q.User, "user", "", "only those of this user")
	v.Flags().StringVar(&q.Outcome, "outcome", "", "only those with this outcome: "+strings.Join(outcomes, ", "))
	v.Flags().IntVar(&q.Limit, "last", 20, fmt.Sprintf("how many of those that have ended, at most %d", operations.MaxTail))
	follow := v.Flags().BoolP("follow", "f", false, "then show each request as it ends")
	return v.runs(func(ctx context.Context, n *reached) error {
		q.Account = aaa.AccountID(*account)
		if q.Limit < 0 || q.Limit > operations.MaxTail {
			return fmt.Errorf("%w: --last is 0 to %d", errUsage, operations.MaxTail)
		}
		if q.Outcome != "" && !slices.Contains(outcomes, q.Outcome) {
			return fmt.Errorf("%w: --outcome is one of %s", errUsage, strings.Join(outcomes, ", "))
		}
		if !*follow {
			list, err := lastRequests(ctx, n, q)
			if err != nil {
				return err
			}
			views := []requestView{}
			for _, e := range list {
				views = append(views, viewRequest(e))
			}
			return n.print(views, func(w io.Writer) { requestTable(w, list) })
		}
		if err := followRequests(ctx, n, q); ctx.Err() == nil {
			return err
		}
		return nil // Ctrl-C is how one ends it
	})
}

func lastRequests(ctx context.Context, n *reached, q operations.AskRequests) ([]tail.Entry, error) {
	if q.Limit == 0 { // which would mean all
		return nil, nil
	}
	return runOn(ctx, n, operations.OperatorRequests, q)
}

// restartPause is how long a follower waits for a security module that is starting.
const restartPause = time.Second

// followRequests prints requests until ctx or the node ends.
func followRequests(ctx context.Context, n *reached, q operations.AskRequests) error {
	if !n.json {
		if err := n.requestLine("TIME", "OPERATION", "OUTCOME", "MS", "USER", "SERVER", "ACCOUNT", "REQUEST ID", "DEVICE", "REASON"); err != nil {
			return err
		}
	}
	all := q
	all.Limit = operations.MaxTail
	begin := func() (uint64, error) {
		f, err := runOn(ctx, n, operations.OperatorFollow, operations.FollowFrom{AskRequests: all, Begin: true})
		return f.Next, err
	}
	after, err := begin()
	if err != nil {
		return err
	}
	before, err := lastRequests(ctx, n, q)
	if err != nil {
		return err
	}
	for _, e := range before {
		if e.Seq <= after {
			if err := n.printRequest(e); err != nil {
				return err
			}
		}
	}
	for {
		f, err := runOn(ctx, n, operations.OperatorFollow, operations.FollowFrom{AskRequests: all, After: after})
		if aaa.KindOf(err) == aaa.KindUnavailable && n.line.Err() == nil { // the security module is starting anew
			fmt.Fprintln(n.notes, "the security module is being restarted: requests may be missing here")
			for aaa.KindOf(err) == aaa.KindUnavailable && n.line.Err() == nil && backoff.Sleep(ctx, restartPause) == nil {
				after, err = begin()
			}
			if err == nil {
				continue
			}
		}
		if n.line.Err() != nil {
			return errors.New("the node has ended")
		}
		if err != nil {
			return err
		}
		if f.Missed > 0 {
			if err := n.missed(f.Missed); err != nil {
				return err
			}
		}
		for _, e := range f.Requests {
			if err := n.printRequest(e); err != nil {
				return err
			}
		}
		after = f.Next
	}
}

func (p *page) missed(count uint64) error {
	if p.json {
		_, err := fmt.Fprintf(p.out, "{\"missed\":%d}\n", count)
		return err
	}
	_, err := fmt.Fprintf(p.notes, "%d requests came too fast to be shown\n", count)
	return err
}

// printRequest prints a line.
func (p *page) printRequest(e tail.Entry) error {
	if !p.json {
		return p.requestLine(requestCells(e)...)
	}
	text, err := json.Marshal(viewRequest(e))
	if err != nil {
		return err
	}
	_, err = p.out.Write(append(text, '\n'))
	return err
}

func requestTable(w io.Writer, list []tail.Entry) {
	row(w, "TIME", "OPERATION", "OUTCOME", "MS", "USER", "SERVER", "ACCOUNT", "REQUEST ID", "DEVICE", "REASON")
	for _, e := range list {
		row(w, requestCells(e)...)
	}
}

func requestCells(e tail.Entry) []any {
	return []any{
		e.At.Local().Format("15:04:05.000"), e.Op, e.Outcome, fmt.Sprintf("%.1f", float64(e.Took.Microseconds())/1000), e.User, e.Server, e.Account, e.ID, e.Device, e.Reason,
	}
}

// requestWidths are those of the columns of requests that are followed; the last has none.
var requestWidths = [...]int{12, 10, 11, 7, 16, 12, 32, 32, 12}

// requestLine prints a line at once, in columns whose widths are known beforehand.
func (p *page) requestLine(cells ...any) error {
	var b []byte
	for i, c := range cells {
		text := cell(c)
		b = append(b, text...)
		if i == len(cells)-1 {
			break
		}
		for n := utf8.RuneCountInString(text); n < requestWidths[i]+2 || n == 0; n++ {
			b = append(b, ' ')
		}
		if utf8.RuneCountInString(text) >= requestWidths[i]+2 {
			b = append(b, ' ', ' ')
		}
	}
	_, err := p.out.Write(append(b, '\n'))
	return err
}
