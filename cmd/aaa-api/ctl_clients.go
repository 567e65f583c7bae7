package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"aaa-api/internal/aaa"
	"aaa-api/internal/operations"
)

func ctlClients(env environment) *cobra.Command {
	v := newVerb(env, "clients", "List network devices", `List the clients of all accounts, by account and name, with the requests that this node has verified since its start.

OLD SECRET counts those that used previous_secret. --unknown lists the addresses whose last packets fit no client, or no secret of
their clients, at most 100.`,
		"  aaa-api ctl clients --account de300000000000000000000000000002\n  aaa-api ctl clients --unknown", cobra.NoArgs)
	account := v.accountBelow("only those of this account and of all below it")
	unknown := v.Flags().Bool("unknown", false, "addresses that are of no client")
	v.MarkFlagsMutuallyExclusive("account", "unknown")
	return v.runs(func(ctx context.Context, n *reached) error {
		if *unknown {
			return printUnknown(ctx, n)
		}
		list := []operations.ClientUse{}
		for q := (operations.AskClients{Account: aaa.AccountID(*account)}); ; {
			page, err := runOn(ctx, n, operations.OperatorClients, q)
			if err != nil {
				return err
			}
			list = append(list, page.Clients...)
			if q.Start = page.Next; q.Start == (operations.ClientKey{}) {
				break
			}
		}
		for i := range list {
			list[i].LastSeen = list[i].LastSeen.UTC()
		}
		return n.print(list, func(w io.Writer) { clientTable(w, list) })
	})
}

func clientTable(w io.Writer, list []operations.ClientUse) {
	row(w, "ACCOUNT", "NAME", "ADDRESS", "ENABLED", "REQUESTS", "OLD SECRET", "LAST SEEN")
	for _, c := range list {
		row(w, c.Account, c.Name, c.Address, c.Enabled, c.Requests, c.Previous, moment(c.LastSeen))
	}
}

func printUnknown(ctx context.Context, n *reached) error {
	got, err := runOn(ctx, n, operations.OperatorUnknownDevices, operations.None{})
	if err != nil {
		return err
	}
	list := append([]operations.UnknownDevice{}, got.Devices...)
	for i := range list {
		list[i].Last = list[i].Last.UTC()
	}
	return n.print(list, func(w io.Writer) { unknownTable(w, list) })
}

func unknownTable(w io.Writer, list []operations.UnknownDevice) {
	row(w, "ADDRESS", "PROTOCOL", "PACKETS", "LAST", "REASON")
	for _, d := range list {
		row(w, d.Address, d.Protocol, d.Packets, moment(d.Last), d.Reason)
	}
}
