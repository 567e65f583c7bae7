package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aaa-api/internal/adminsocket"
	"aaa-api/internal/operations"
	"aaa-api/internal/spool"
)

// statusView is the state of a node as JSON.
type statusView struct {
	Name string `json:"node"`
	adminsocket.Node
	Uptime   float64      `json:"uptime_seconds"`
	Store    storeView    `json:"store"`
	Accounts int          `json:"accounts_in_memory"`
	Requests uint64       `json:"requests"`
	Spool    spool.Status `json:"spool"`
	Lacks    []string     `json:"lacks"`
	Fault    string       `json:"fault,omitempty"` // why the security module tells nothing
}

type storeView struct {
	Location string  `json:"location"`
	Status   string  `json:"status"` // ok, or why it is not
	Seen     float64 `json:"changes_read_seconds_ago"`
}

func ctlStatus(env environment) *cobra.Command {
	v := newVerb(env, "status", "Show processes, listeners, the store and what waits", `Show the processes and listeners of the node, whether its store is there, how many accounting
records wait, and what the kernel lacks for the isolation of processes.`, "  aaa-api ctl status\n  aaa-api ctl status --output json", cobra.NoArgs)
	return v.runs(func(ctx context.Context, n *reached) error {
		node, err := adminsocket.AskNode(ctx, n.line)
		if err != nil {
			return err
		}
		s := statusView{Node: node, Uptime: time.Since(node.Started).Seconds(), Lacks: []string{}}
		inside, err := statusInside(ctx, n)
		if err != nil { // the security module may be starting: all else is told
			s.Fault = err.Error()
		}
		s.Name, s.Accounts, s.Requests, s.Spool = inside.Node, inside.Accounts, inside.Requests, inside.Spool
		s.Lacks = append(append(s.Lacks, node.Lacks...), inside.Lacks...)
		slices.Sort(s.Lacks)
		s.Lacks = slices.Compact(s.Lacks)
		s.Store = storeView{inside.Store, cmp.Or(inside.Fault, "ok"), inside.Seen.Seconds()}
		return n.print(s, s.table)
	})
}

// insideTime bounds the question to the security module, which tests the store for up to pingTime.
const insideTime = 5 * time.Second

// statusInside asks the security module. One that hangs does not keep the operator from seeing the rest.
func statusInside(ctx context.Context, n *reached) (operations.Status, error) {
	within, cancel := context.WithTimeout(ctx, insideTime)
	defer cancel()
	s, err := runOn(within, n, operations.OperatorStatus, operations.None{})
	if until, _ := within.Deadline(); err != nil && ctx.Err() == nil && time.Until(until) < time.Second { // the node's main may give up first
		err = errors.New("it gives no answer: it hangs, is stopped or has too much to do")
	}
	return s, err
}

func (s *statusView) table(w io.Writer) {
	state := "serving"
	if s.Stopping {
		state = "stopping"
	}
	row(w, "node", s.Name)
	row(w, "version", s.Version)
	row(w, "state", state)
	row(w, "uptime", fmt.Sprintf("%s, since %s", since(s.Started), moment(s.Started)))
	row(w, "isolation", s.Isolation)
	if s.Fault == "" {
		row(w, "store", fmt.Sprintf("%s: %s, changes read %.1f s ago", s.Store.Location, s.Store.Status, s.Store.Seen))
		row(w, "accounts in memory", s.Accounts)
		row(w, "AAA requests", s.Requests)
		row(w, "accounting", s.waiting())
		row(w, "journal", fmt.Sprintf("%d entries, %d octets, %d files put aside", s.Spool.JournalEntries, s.Spool.JournalOctets, s.Spool.JournalAside))
	} else {
		row(w, "security module", s.Fault)
	}
	row(w, "kernel lacks", cmp.Or(strings.Join(s.Lacks, ", "), "nothing"))
	fmt.Fprintln(w)
	row(w, "PROCESS", "PID", "USER", "UPTIME", "RESTARTS")
	for _, p := range s.Processes {
		row(w, p.Role, p.PID, p.User, since(p.Started), p.Restarts)
	}
	fmt.Fprintln(w)
	row(w, "LISTENER", "ADDRESS", "TLS")
	for _, l := range s.Listeners {
		tls := "no"
		if l.TLS {
			tls = "yes"
		}
		row(w, l.Name, l.Address, tls)
	}
}

// waiting tells of the accounting records of all nodes.
func (s *statusView) waiting() string {
	if s.Spool.ReadAt.IsZero() {
		return "not counted yet"
	}
	text := fmt.Sprintf("%d records wait, %d are parked, %d octets", s.Spool.Waiting, s.Spool.Parked, s.Spool.Octets)
	if !s.Spool.Oldest.IsZero() {
		text += ", the oldest waits for " + since(s.Spool.Oldest)
	}
	return text
}

func ctlReload(env environment) *cobra.Command {
	v := newVerb(env, "reload", "Read certificates and the configuration again", `Have the node read its certificates and configuration again, as SIGHUP does. What is no good is not taken: the
command then fails and says why, and the node goes on with what it had.`, "  aaa-api ctl reload", cobra.NoArgs)
	return v.runs(func(ctx context.Context, n *reached) error {
		// First what holds the keys, then all others.
		if _, err := runOn(ctx, n, operations.OperatorReload, operations.None{}); err != nil {
			return err
		}
		if err := adminsocket.Reload(ctx, n.line); err != nil {
			return err
		}
		return n.print(map[string]bool{"reloaded": true}, func(w io.Writer) { fmt.Fprintln(w, "reloaded") })
	})
}

func ctlStop(env environment) *cobra.Command {
	v := newVerb(env, "stop", "Stop the node, and wait until it has ended", `Stop the node as SIGTERM does: it drains (--drain of serve), finishes the requests in flight, and ends. The command waits for the end.`,
		"  aaa-api ctl stop\n  aaa-api ctl stop --no-wait", cobra.NoArgs)
	noWait := v.Flags().Bool("no-wait", false, "do not wait for the end")
	return v.runs(func(ctx context.Context, n *reached) error {
		if err := adminsocket.Stop(ctx, n.line); err != nil {
			return err
		}
		what := "stopping"
		if !*noWait {
			select {
			case <-n.line.Done():
				what = "stopped"
			case <-ctx.Done():
				return errors.New("the node was still stopping")
			}
		}
		return n.print(map[string]bool{what: true}, func(w io.Writer) { fmt.Fprintln(w, what) })
	})
}
