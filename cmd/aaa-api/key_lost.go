package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/document"
	"aaa-api/internal/store"
)

// lostPage is how many rows are read at once.
const lostPage = 500

// giveUp forgets the data keys of all accounts, and lists what was sealed with them. The seal goes last, so that a call that
// was cut short can be made again.
func giveUp(ctx context.Context, st store.Store, out io.Writer) error {
	accounts, lost, records := 0, 0, 0
	for start := aaa.AccountID(""); ; {
		page, next, err := st.Keys().List(ctx, start, lostPage)
		if err != nil {
			return err
		}
		for _, row := range page {
			if row.Account == aaa.SystemConfig {
				continue
			}
			n, kept, err := giveUpAccount(ctx, st, row.Account, out)
			if err != nil {
				return fmt.Errorf("account %s: %w", row.Account, err)
			}
			accounts, lost, records = accounts+1, lost+n, records+kept
		}
		if start = next; next == "" {
			break
		}
		fmt.Fprintf(out, "%d accounts so far\n", accounts)
	}
	n, _, err := giveUpAccount(ctx, st, aaa.SystemConfig, out)
	if err != nil {
		return err
	}
	if records > 0 {
		fmt.Fprintf(out, "%d accounting records can't be sent any more: they are parked, so that they are seen before they are dropped\n", records)
	}
	_, err = fmt.Fprintf(out, "%d secrets and users files have to be entered again\n", lost+n)
	return err
}

// giveUpAccount ends the account's sessions, parks its accounting records and forgets its key. It returns how many secrets and users files,
// and how many records, are lost.
func giveUpAccount(ctx context.Context, st store.Store, account aaa.AccountID, out io.Writer) (secrets, records int, err error) {
	lost, err := lostOf(ctx, st, account)
	if err != nil {
		return 0, 0, err
	}
	secrets = len(lost)
	if account != aaa.SystemConfig {
		if err := endSessions(ctx, st, account); err != nil {
			return 0, 0, err
		}
		if records, err = parkRecords(ctx, st.Spool(), account); err != nil {
			return 0, 0, err
		}
		if records > 0 {
			lost = append(lost, fmt.Sprintf("%d accounting records", records))
		}
	}
	if err := st.Keys().Delete(ctx, account); err != nil {
		return 0, 0, err
	}
	if len(lost) > 0 {
		name := "the system configuration"
		if account != aaa.SystemConfig {
			name = "account " + string(account)
			if a, err := st.Accounts().Get(ctx, account); err == nil {
				name = fmt.Sprintf("%s (%q)", name, a.Name)
			}
		}
		fmt.Fprintf(out, "%s: %s\n", name, strings.Join(lost, ", "))
	}
	return secrets, records, nil
}

// lostOf names what of an account is sealed: paths in its document, users files, and secrets of clients.
func lostOf(ctx context.Context, st store.Store, account aaa.AccountID) (lost []string, err error) {
	doc, err := st.Documents().Get(ctx, account)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	var body map[string]any
	if err == nil && json.Unmarshal(doc.Body, &body) == nil {
		for _, place := range document.Places(body) {
			lost = append(lost, place.Path)
		}
	}
	for p := (store.Page{Limit: lostPage}); ; {
		files, next, err := st.Texts().List(ctx, account, store.TextUsers, p)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			lost = append(lost, "users file "+f.Name)
		}
		if p.Start = next; next == "" {
			break
		}
	}
	for p := (store.Page{Limit: lostPage}); ; {
		clients, next, err := st.Clients().List(ctx, account, p)
		if err != nil {
			return nil, err
		}
		for _, c := range clients {
			var body map[string]any
			if json.Unmarshal(c.Body, &body) != nil {
				continue
			}
			for _, place := range document.ClientPlaces(c.Name)(body) {
				lost = append(lost, "client "+c.Name+": "+place.Path)
			}
		}
		if p.Start = next; next == "" {
			return lost, nil
		}
	}
}

// parkRecords parks the account's accounting records, which don't open any more, and says how many there are.
func parkRecords(ctx context.Context, records store.Spool, account aaa.AccountID) (n int, err error) {
	for p := (store.Page{Limit: lostPage}); ; {
		list, next, err := records.List(ctx, account, store.SpoolFilter{}, p)
		if err != nil {
			return n, err
		}
		now := time.Now().UTC()
		var waiting []store.SpoolSettlement
		for _, r := range list {
			if r.State == store.SpoolWaiting {
				waiting = append(waiting, store.SpoolSettlement{
					Account: account, ID: r.ID, Revision: r.Revision, Session: r.Session, Outcome: store.SpoolRefused,
					Attempt: store.SpoolAttempt{At: now, Reason: "the key that it is sealed with is lost"},
				})
			}
		}
		if err := records.Settle(ctx, now, waiting); err != nil {
			return n, err
		}
		n += len(list)
		if p.Start = next; next == "" {
			return n, nil
		}
	}
}

// endSessions ends the sessions whose sealed part can't be read any more. No Stop goes out: what it would tell is lost.
func endSessions(ctx context.Context, st store.Store, account aaa.AccountID) error {
	for p := (store.Page{Limit: lostPage}); ; {
		list, next, err := st.Sessions().List(ctx, account, store.SessionsBy{}, p)
		if err != nil {
			return err
		}
		now := time.Now()
		for _, rec := range list {
			if !rec.EndedAt.IsZero() && rec.DueAt.IsZero() {
				continue
			}
			rec.Open, rec.State = false, aaa.SessionFailed
			rec.DueAt, rec.Lease.Until, rec.EndedAt, rec.UpdatedAt = time.Time{}, time.Time{}, now, now
			if _, err := st.Sessions().Update(ctx, rec, rec.Revision); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		if p.Start = next; next == "" {
			return nil
		}
	}
}
