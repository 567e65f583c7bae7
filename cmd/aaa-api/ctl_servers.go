package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"aaa-api/internal/aaa"
	"aaa-api/internal/operations"
)

func ctlServers(env environment) *cobra.Command {
	v := newVerb(env, "servers", "Show the health of servers", `Show what this node knows of each server of each document that it has in memory, the worst first.

STATE is alive, zombie (its last request was not answered; it is still asked), dead (passed over while another server is usable) or unknown (it has never
answered). SINCE tells how long ago the state changed, IN FLIGHT how many requests wait for the server. ACCOUNT is that of the
document, which accounts below may inherit.`, "  aaa-api ctl servers --state dead\n  aaa-api ctl servers --account de300000000000000000000000000002 --output json", cobra.NoArgs)
	account := v.accountBelow("only those of this account's document and of documents below it")
	state := v.Flags().String("state", "", "only those that are alive, zombie, dead or unknown")
	return v.runs(func(ctx context.Context, n *reached) error {
		list, err := runOn(ctx, n, operations.OperatorServers, operations.AskServers{Account: aaa.AccountID(*account), State: *state})
		if err != nil {
			return err
		}
		if list.Left > 0 {
			fmt.Fprintf(n.notes, "%d more are left out: choose with --account or --state\n", list.Left)
		}
		if list.Servers == nil {
			list.Servers = []operations.ServerHealth{}
		}
		for i := range list.Servers {
			s := &list.Servers[i]
			s.Since, s.LastErrorAt = s.Since.UTC(), s.LastErrorAt.UTC()
		}
		return n.print(list.Servers, func(w io.Writer) {
			row(w, "STATE", "SINCE", "SERVER", "ADDRESS", "ENGINE", "IN FLIGHT", "ACCOUNT", "LAST ERROR")
			for _, s := range list.Servers {
				last := ""
				if s.LastError != "" {
					last = s.LastError + " (" + since(s.LastErrorAt) + " ago)"
				}
				row(w, s.State, since(s.Since), s.Name, s.Address, s.Engine, s.InFlight, s.Account, last)
			}
		})
	})
}
