package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/operations"
)

func ctlBans(env environment) *cobra.Command {
	v := newVerb(env, "bans", "List bans", `List the bans that last, of all nodes of the database, by account and id: those that the documents' member bans began, and
those by hand. BY is empty for the former, and else the id of the token that banned, or operator.`,
		"  aaa-api ctl bans\n  aaa-api ctl bans --account de300000000000000000000000000002 --output json", cobra.NoArgs)
	account := v.accountBelow("only those of this account and of all below it")
	return v.runs(func(ctx context.Context, n *reached) error {
		list := []admin.Ban{}
		for q := (operations.AskBans{Account: aaa.AccountID(*account)}); ; {
			page, err := runOn(ctx, n, operations.OperatorBans, q)
			if err != nil {
				return err
			}
			list = append(list, page.Bans...)
			if q.Start = page.Next; q.Start == "" {
				break
			}
		}
		for i := range list {
			list[i] = banTimes(list[i])
		}
		return n.print(list, func(w io.Writer) { banTable(w, list) })
	})
}

// banTimes gives a ban its times as JSON shows them.
func banTimes(b admin.Ban) admin.Ban {
	b.BannedAt, b.Until = b.BannedAt.UTC(), b.Until.UTC()
	return b
}

func banTable(w io.Writer, list []admin.Ban) {
	row(w, "ACCOUNT", "ID", "KEY", "VALUE", "SINCE", "STILL FOR", "BY", "REASON")
	for _, b := range list {
		row(w, b.Account, b.ID, b.Key, b.Value, moment(b.BannedAt), span(time.Until(b.Until)), b.Token, b.Reason)
	}
}

func ctlBan(env environment) *cobra.Command {
	v := newVerb(env, "ban KEY VALUE --account ID", "Ban logins by hand", `Ban the logins of an account whose request key has a value, such as one user or one device. The key must be one that the
member bans of a document in force for the account names.`,
		"  aaa-api ctl ban User-Name mallory --account de300000000000000000000000000002 --for 1h --reason 'stolen laptop'", cobra.ExactArgs(2))
	account := v.theAccount()
	last := v.Flags().Duration("for", 0, "how long, such as 90s or 12h, in whole seconds and at most 720h (default: the document's ban_time)")
	reason := v.Flags().String("reason", "", "why, in one line")
	return v.runs(func(ctx context.Context, n *reached) error {
		if v.Flags().Changed("for") && (*last <= 0 || *last%time.Second != 0) {
			return fmt.Errorf("%w: --for is a number of whole seconds, at least one, such as 90s or 12h", errUsage)
		}
		b, err := runOn(ctx, n, operations.OperatorBan, operations.NewBan{
			Account: aaa.AccountID(*account), Key: v.Flags().Arg(0), Value: v.Flags().Arg(1), Seconds: int64(*last / time.Second), Reason: *reason,
		})
		if err != nil {
			return err
		}
		return n.print(banTimes(b), func(w io.Writer) { banTable(w, []admin.Ban{b}) })
	})
}

func ctlUnban(env environment) *cobra.Command {
	v := newVerb(env, "unban {ID | KEY VALUE} --account ID", "Lift bans", `Lift a ban by its id, or all bans of a value of a request key, whose points are then forgotten too.`,
		"  aaa-api ctl unban User-Name mallory --account de300000000000000000000000000002", cobra.RangeArgs(1, 2))
	account := v.theAccount()
	return v.runs(func(ctx context.Context, n *reached) error {
		q := operations.OldBan{Account: aaa.AccountID(*account), ID: v.Flags().Arg(0)}
		if v.Flags().NArg() == 2 {
			q.ID, q.Key, q.Value = "", v.Flags().Arg(0), v.Flags().Arg(1)
		}
		lifted, err := runOn(ctx, n, operations.OperatorUnban, q)
		if err != nil {
			return err
		}
		if lifted.Bans == 0 {
			return errors.New("there is no such ban")
		}
		return n.print(lifted, func(w io.Writer) { fmt.Fprintf(w, "%d lifted\n", lifted.Bans) })
	})
}

// theAccount adds an --account that must be given.
func (v *verb) theAccount() *string {
	account := v.Flags().String("account", "", "the account whose logins are meant")
	if err := v.MarkFlagRequired("account"); err != nil {
		panic(err) // there is no such flag
	}
	return account
}
