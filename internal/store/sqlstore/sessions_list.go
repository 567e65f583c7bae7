package sqlstore

import (
	"context"
	"fmt"
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// stage is a session's store.SessionStage, as the index sessions_stage has it.
const stage = `(CASE WHEN state <> 'completed' THEN state WHEN open AND suspended THEN 'suspended' WHEN open THEN 'open'
	WHEN ended_at IS NOT NULL THEN 'closed' ELSE state END)`

// sought is a list's condition as an indexed expression and the values that it may have; the zero value is none.
type sought struct {
	by     string
	values []string
}

func soughtBy(by store.SessionsBy) (s sought) {
	if by.UserHash != "" {
		return sought{"user_hash", []string{by.UserHash, ""}}
	}
	if len(by.Stages) > 0 {
		s.by = stage
	}
	for _, v := range by.Stages {
		s.values = append(s.values, string(v))
	}
	return s
}

// query makes a statement of one whose %s is a condition to be met before others, and which ends with end, its order and limit. Each
// value is looked up by itself, because a planner reads all sessions of an account for the order of several values.
func (s sought) query(statement, end string, args ...any) (string, []any) {
	if s.by == "" {
		return fmt.Sprintf(statement, "") + end, args
	}
	parts := make([]string, len(s.values))
	for i, v := range s.values {
		args = append(args, v)
		parts[i] = fmt.Sprintf("SELECT * FROM (%s%s) AS part%d", fmt.Sprintf(statement, fmt.Sprintf("%s = $%d AND ", s.by, len(args))), end, i)
	}
	return strings.Join(parts, " UNION ALL ") + end, args
}

// List implements store.Sessions.
func (s sessions) List(ctx context.Context, account aaa.AccountID, by store.SessionsBy, p store.Page) ([]store.SessionRecord, string, error) {
	sql, args := soughtBy(by).ofAccount(string(account), p.Start, limit(p))
	return page(ctx, s.db, p, scanSession, func(r store.SessionRecord) string { return r.ID }, sql, args...)
}

// ofAccount is the query of an account's sessions from an id on, at most n.
func (s sought) ofAccount(account, from string, n int64) (string, []any) {
	return s.query(`SELECT `+sessionColumns+` FROM sessions WHERE %saccount_id = $1 AND id >= $2`, ` ORDER BY id LIMIT $3`, account, from, n)
}

// Below implements store.Sessions.
func (s sessions) Below(ctx context.Context, account aaa.AccountID, by store.SessionsBy, p store.Page) ([]store.SessionRecord, string, error) {
	sought := soughtBy(by)
	return listBelow(ctx, accounts{s.db}, account, p, belowOf[store.SessionRecord]{
		account: func(ctx context.Context, from string) (string, error) { return s.nextAccount(ctx, sought, from) },
		rows: func(ctx context.Context, account, from string, n int64) ([]store.SessionRecord, error) {
			sql, args := sought.ofAccount(account, from, n)
			return all(ctx, s.db, scanSession, sql, args...)
		},
		key: func(r store.SessionRecord) (aaa.AccountID, string) { return r.Account, r.ID },
	})
}

// nextAccount is the first account from an id on that has such a session, empty where none has.
func (s sessions) nextAccount(ctx context.Context, by sought, from string) (id string, err error) {
	sql, args := by.query(`SELECT account_id FROM sessions WHERE %saccount_id >= $1`, ` ORDER BY account_id LIMIT 1`, from)
	_, err = one(ctx, s.db, func(scan Scan) error { return scan(&id) }, sql, args...)
	return id, err
}
