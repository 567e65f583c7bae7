package actions_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/actions"
	"aaa-api/internal/fsm"
	"aaa-api/internal/limits"
	"aaa-api/internal/plans"
	"aaa-api/internal/pool"
	"aaa-api/internal/usersfile"
)

// plainly makes every answer of the action that of the request.
func (a *oneAction) plainly(t *testing.T) *oneAction {
	t.Helper()
	table, faults, _ := fsm.Check([]byte(strings.ReplaceAll(`
Start:
	*.+AUTHEN.ACK   ACTION  Wait
Wait:
	*.ACTION.ACK    REPLY   End
	*.ACTION.NAK    REPLY   End
	*.ACTION.ERROR  REPLY   End
End:
`, "ACTION", a.name)), a.specs)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	a.level.Tables[aaa.Authn] = &plans.Table{Name: "test", FSM: table}
	return a
}

// request sends a login and returns the error of the whole request.
func (a *oneAction) request(ctx context.Context, values map[string]any) error {
	_, err := a.router.Handle(ctx, a.plan, &aaa.Request{ID: "r", Account: a.plan.Account, Op: aaa.Authn, Values: values}, time.Now())
	return err
}

// TestFileTakesTurns: of the logins of an account with a backlog those that are too many are told to come again, and those
// of another account are not.
func TestFileTakesTurns(t *testing.T) {
	t.Parallel()
	processor := limits.NewProcessor()
	users, faults := usersfile.Parse([]byte("bob:" + horse + "\n"))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	of := func(id aaa.AccountID) *oneAction {
		a := newOneAction(t, actions.File{Processor: processor}, "").plainly(t)
		a.level.Files = map[string]*usersfile.File{"users": users}
		a.plan.Account, a.plan.Limits, a.plan.Pool = id, limits.NewAccount(id), pool.New(300, 0)
		return a
	}
	busy, quiet := of(account), of("ffffffffffffffffffffffffffffffff")
	login := map[string]any{"User-Name": "bob", "User-Password": "correct horse"}
	var taken []limits.Turn // all places of the node
	for range max(1, runtime.GOMAXPROCS(0)-1) {
		turn, err := processor.Take(t.Context(), account)
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, turn)
	}
	const all, room = 200, 128
	results := make(chan error, all)
	for range all {
		go func() { results <- busy.request(t.Context(), login) }()
	}
	for range all - room {
		err := <-results
		var e *aaa.Error
		if !errors.As(err, &e) || e.Kind != aaa.KindBusy || e.RetryAfter <= 0 {
			t.Fatalf("a login that is too much: %v", err)
		}
	}
	other := make(chan error, 1)
	go func() { other <- quiet.request(t.Context(), login) }()
	for _, turn := range taken {
		turn.End()
	}
	if err := <-other; err != nil {
		t.Errorf("the quiet account: %v", err)
	}
	for range room {
		if err := <-results; err != nil {
			t.Errorf("a login that waited: %v", err)
		}
	}
}
