package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/actions"
	"aaa-api/internal/fsm"
	"aaa-api/internal/store"
)

// measureFSM measures the state machine: what it adds to a request, how long a large table
// takes to read, and what tables of their own cost the service for many tenants.
func measureFSM(ctx context.Context, s settings, dir string) []row {
	rows := append(measureFailover(s), measureRead(s))
	return append(rows, measureTables(ctx, s, dir))
}

// The large table.
const (
	largeStates = 1000
	largeLines  = 10_000
)

// measureRead reads a large table, from its text to the compiled form.
func measureRead(s settings) row {
	r := row{name: fmt.Sprintf("table of %d states and %d lines read", largeStates, largeLines), format: "%.1f ms", target: 50, atMost: true}
	text := []byte(largeTable(largeStates))
	specs := actions.All(actions.Options{}).Specs()
	var took []float64
	for range 2*s.rounds + 1 {
		begun := time.Now()
		table, faults, _ := fsm.Check(text, specs)
		took = append(took, float64(time.Since(begun).Microseconds())/1000)
		if table == nil {
			r.err = fmt.Errorf("line %d: %s", faults[0].Line, faults[0].Message)
			return r
		}
	}
	r.value = median(took)
	r.detail = fmt.Sprintf("median of %d; %d KiB of text", len(took), len(text)>>10)
	return r
}

// largeTable is a table whose states have ten lines each. Servers are asked again and again from state to
// state; what an answer at once leads to ends, as in every table that is accepted.
func largeTable(states int) string {
	var b strings.Builder
	b.WriteString("%FSMID large\n\nStart:\n")
	for _, kind := range []string{"AUTHEN", "REACCESS", "AUTH_ONLY", "PASSWD", "AUTHZ", "ACCT", "ACCT_START", "ACCT_STOP", "ACCT_ALIVE", "CUSTOM"} {
		fmt.Fprintf(&b, "\t*.+%s.ACK\tRADIUS\tState_1\n", kind)
	}
	for i := 1; i < states; i++ {
		next, far := i%(states-1)+1, 7*i%(states-1)+1
		fmt.Fprintf(&b, "\n# Number %d\nState_%d:\n", i, i)
		fmt.Fprintf(&b, "\t*.RADIUS.ACK\tREPLY\tEnd\n\t*.RADIUS.ACC_CHAL\tREPLY\tEnd\n")
		fmt.Fprintf(&b, "\t*.RADIUS.NAK\tRADIUS\tState_%d\n\t*.RADIUS.ERROR\tRADIUS\tState_%d\n", far, next)
		fmt.Fprintf(&b, "\t*.RADIUS.FATAL\tLOG\tState_%d\tXstring=\"not sent in state %d\"\n", next, i)
		fmt.Fprintf(&b, "\t*.RADIUS.RC1\tPENDING\tState_%d\n\t*.LOG.ACK\tPENDING\tState_%d\n", far, next)
		fmt.Fprintf(&b, "\t*.PENDING.ACK\tNULL\tSame\n\t*.PENDING.NAK\tREPLY\tEnd\n\t*.*.TIMEOUT\tTIMEOUT\tEnd\n")
	}
	b.WriteString("\nEnd:\n")
	return b.String()
}

// measureTables fills the service with accounts that have a table each, and looks at its memory when all are warm.
func measureTables(ctx context.Context, s settings, dir string) row {
	r := row{name: fmt.Sprintf("resident, %d tenants with a table each", s.tables), format: "%.0f MiB", target: 300, atMost: true}
	full, err := openFull(ctx, s, dir, s.tables, 0, tabled)
	if err != nil {
		r.err = err
		return r
	}
	defer full.close()
	octets, resolved, err := full.warm(ctx)
	if err != nil {
		r.err = err
		return r
	}
	r.value = float64(octets) / (1 << 20)
	r.detail = fmt.Sprintf("%d octets of text each; written in %.0f s, resolved in %.0f s", len(ownTable(0)), full.filled.Seconds(), resolved.Seconds())
	r.err = runsOwnTable(ctx, full.svc, full.ids[len(full.ids)-1])
	return r
}

// tableName is what the table of every account that has one is called.
const tableName = "own"

// tabled gives every account a table of its own.
func tabled(ctx context.Context, f *filler, id aaa.AccountID, i int, doc map[string]any) error {
	doc["fsm"] = tableName
	_, err := f.store.Texts().Create(ctx, store.Text{Account: id, Kind: store.TextFSM, Name: tableName, Body: ownTable(i)})
	return err
}

// ownTable is a shipped example with one line that no other tenant has.
func ownTable(i int) string {
	text, _ := fsm.BuiltIn("race")
	return strings.Replace(text, "*.*.TIMEOUT\t\tTIMEOUT\tEnd", fmt.Sprintf("*.*.TIMEOUT\t\tLOG\tEnd\tXstring=\"tenant %d: nobody answered\"", i), 1)
}

// runsOwnTable makes sure that an account's requests go through its own table, since a fallback to
// the built-in one would cost no memory.
func runsOwnTable(ctx context.Context, svc *service, id string) error {
	var got struct {
		Trace aaa.Trace `json:"trace"`
	}
	if err := svc.send(ctx, http.MethodPost, "/v2/accounts/"+id+"/aaa/authn?trace=true", strings.NewReader(requestBody), &got); err != nil {
		return err
	}
	if len(got.Trace.FSM) == 0 || got.Trace.FSM[0].Table != tableName {
		return errors.New("the request did not run through the account's own table")
	}
	return nil
}
