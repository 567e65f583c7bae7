package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"aaa-api/internal/aaa"
	"aaa-api/internal/httpapi"
	"aaa-api/internal/operations"
)

// allSessions calls fn with each session asked for.
func allSessions(ctx context.Context, n *reached, q operations.AskSessions, fn func(aaa.Session) error) error {
	for {
		list, err := runOn(ctx, n, operations.OperatorSessions, q)
		if err != nil {
			return err
		}
		for _, s := range list.Sessions {
			if err := fn(s); err != nil {
				return err
			}
		}
		if q.Start = list.Next; q.Start == "" {
			return nil
		}
	}
}

func ctlSessions(env environment) *cobra.Command {
	v := newVerb(env, "sessions", "List AAA sessions", `List the AAA sessions of all nodes of the database, by account and id. Those that have ended are kept for a day and shown with --ended.`,
		"  aaa-api ctl sessions --user alice\n  aaa-api ctl sessions --account de300000000000000000000000000002 --ended --output json", cobra.NoArgs)
	account := v.accountBelow("only those of this account and of all below it")
	user := v.Flags().String("user", "", "only those of this user")
	state := v.Flags().String("state", "", "only those in this state: inactive, init, cont, completed, failed, or of completed open, suspended or closed")
	ended := v.Flags().Bool("ended", false, "also those that have ended")
	return v.runs(func(ctx context.Context, n *reached) error {
		list, views := []aaa.Session{}, []any{}
		if err := allSessions(ctx, n, operations.AskSessions{Account: aaa.AccountID(*account), User: *user, State: *state, Ended: *ended}, func(s aaa.Session) error {
			list, views = append(list, s), append(views, httpapi.ViewSession(s))
			return nil
		}); err != nil {
			return err
		}
		return n.print(views, func(w io.Writer) {
			row(w, "ACCOUNT", "ID", "STATE", "USER", "SERVER", "CREATED", "TIME", "IN", "OUT")
			for _, s := range list {
				row(w, s.Account, s.ID, standing(s), s.User, s.Server, moment(s.CreatedAt), sessionTime(s), s.Counters.InputOctets, s.Counters.OutputOctets)
			}
		})
	})
}

// standing is where a session stands, for people.
func standing(s aaa.Session) string {
	switch {
	case !s.EndedAt.IsZero() && s.Cause != "":
		return "ended: " + s.Cause
	case !s.EndedAt.IsZero():
		return "ended"
	case !s.SuspendedAt.IsZero():
		return "suspended"
	case s.Open:
		return "open"
	}
	return string(s.State)
}

// sessionTime is how long a session has been open.
func sessionTime(s aaa.Session) string {
	switch {
	case s.OpenedAt.IsZero():
		return ""
	case s.EndedAt.IsZero():
		return since(s.OpenedAt)
	}
	return span(s.EndedAt.Sub(s.OpenedAt))
}

func ctlSession(env environment) *cobra.Command {
	v := newVerb(env, "session ID", "Show an AAA session", `Show an AAA session by the id that lists and logs have of it. Without --account all sessions are searched.`,
		"  aaa-api ctl session 518eefdf2f2f", cobra.ExactArgs(1))
	account := v.Flags().String("account", "", "the session's account")
	return v.runs(func(ctx context.Context, n *reached) error {
		s, err := runOn(ctx, n, operations.OperatorSession, operations.NamedSession{Account: aaa.AccountID(*account), ID: v.Flags().Arg(0)})
		if err != nil {
			return err
		}
		return n.print(httpapi.ViewSession(*s), func(w io.Writer) { sessionTable(w, s) })
	})
}

func sessionTable(w io.Writer, s *aaa.Session) {
	seconds := func(n int) string {
		if n == 0 {
			return ""
		}
		return span(time.Duration(n) * time.Second)
	}
	for _, r := range [][]any{
		{"id", s.ID},
		{"account", s.Account},
		{"state", standing(*s)},
		{"user", s.User},
		{"server", s.Server},
		{"challenges answered", s.Rounds},
		{"Acct-Session-Id", s.AcctSessionID},
		{"device", deviceText(s.Device)},
		{"created", moment(s.CreatedAt)},
		{"opened", moment(s.OpenedAt)},
		{"suspended", moment(s.SuspendedAt)},
		{"ended", moment(s.EndedAt)},
		{"ends by itself", moment(s.ExpiresAt)},
		{"octets in, out", fmt.Sprint(s.Counters.InputOctets, ", ", s.Counters.OutputOctets)},
		{"packets in, out", fmt.Sprint(s.Counters.InputPackets, ", ", s.Counters.OutputPackets)},
		{"session time", span(time.Duration(s.Counters.SessionTime) * time.Second)}, //nolint:gosec // as long as anything runs
		{"session timeout", seconds(s.SessionTimeout)},
		{"idle timeout", seconds(s.IdleTimeout)},
		{"interim interval", seconds(s.InterimInterval)},
	} {
		row(w, r...)
	}
}

// deviceText names the network device that keeps a session; empty if none does.
func deviceText(d aaa.SessionDevice) string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s of %s, at %s", d.Client, d.Owner, d.Address)
}

func ctlDisconnect(env environment) *cobra.Command {
	v := newVerb(env, "disconnect {ID | --user NAME}", "End AAA sessions at once", `End an AAA session at once, or all of a user. An open one gets a Stop with Acct-Terminate-Cause Admin-Reset.

A session that a network device keeps (track_sessions) ends when the device says so: it is asked by a Disconnect-Request. What any other
NAS does about it is not for this service, and it learns nothing of it by itself.`,
		"  aaa-api ctl disconnect 518eefdf2f2f\n  aaa-api ctl disconnect --user alice --account de300000000000000000000000000002", cobra.MaximumNArgs(1))
	account := v.accountBelow("the session's account; with --user only sessions of this account and of all below it")
	user := v.Flags().String("user", "", "all sessions of this user")
	v.Args = func(cmd *cobra.Command, args []string) error {
		if (len(args) == 1) == (*user != "") {
			return errors.New("give either the id of a session or --user")
		}
		return cobra.MaximumNArgs(1)(cmd, args)
	}
	return v.runs(func(ctx context.Context, n *reached) error {
		var ended []aaa.Session
		end := func(account aaa.AccountID, id string) error {
			s, err := runOn(ctx, n, operations.OperatorDisconnect, operations.NamedSession{Account: account, ID: id})
			if err == nil {
				ended = append(ended, *s)
			}
			return err
		}
		var (
			err   error
			goOn  []error // of sessions whose devices keep them
			found bool
		)
		if *user == "" {
			err = end(aaa.AccountID(*account), v.Flags().Arg(0))
		} else {
			err = allSessions(ctx, n, operations.AskSessions{Account: aaa.AccountID(*account), User: *user}, func(s aaa.Session) error {
				found = true
				switch err := end(s.Account, s.ID); {
				case err == nil, aaa.KindOf(err) == aaa.KindNotFound:
				case !s.Device.IsZero() && (aaa.KindOf(err) == aaa.KindConflict || aaa.KindOf(err) == aaa.KindNoAnswer):
					goOn = append(goOn, fmt.Errorf("session %s: %w", s.ID, err))
				case aaa.KindOf(err) != aaa.KindConflict: // else it has just ended by itself
					return err
				}
				return nil
			})
			if err == nil && !found {
				err = fmt.Errorf("no session of the user %s is open or waits: nothing to end", *user)
			}
			err = errors.Join(append(goOn, err)...)
		}
		if len(ended) == 0 && err != nil {
			return err
		}
		views := []any{}
		for _, s := range ended {
			views = append(views, httpapi.ViewSession(s))
		}
		return errors.Join(err, n.print(views, func(w io.Writer) {
			row(w, "ACCOUNT", "ID", "USER", "STATE")
			for _, s := range ended {
				row(w, s.Account, s.ID, s.User, standing(s))
			}
		}))
	})
}
