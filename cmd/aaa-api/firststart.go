package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"aaa-api/internal/aaa"
	"aaa-api/internal/atomicfile"
	"aaa-api/internal/store"
)

// firstStart makes the root account and its first token where there is no root account
// yet. Of several nodes that start at once on one database, one does it. The token is shown where out is a terminal.
func firstStart(ctx context.Context, n *module, out io.Writer, terminal bool) error {
	root, err := n.store.Accounts().Root(ctx)
	if err == nil {
		return warnWithoutToken(ctx, n, root.ID)
	}
	if !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("looking for the root account: %w", err)
	}
	root, err = n.store.Accounts().Create(ctx, store.Account{ID: aaa.NewAccountID(), Name: "root", Enabled: true})
	if errors.Is(err, store.ErrExists) {
		return nil // another node was first, and has the token
	}
	if err != nil {
		return fmt.Errorf("making the root account: %w", err)
	}
	t := fullToken(root.ID, "made at the first start")
	text, err := mintToken(ctx, n.store, &t)
	if err != nil {
		return err
	}
	path := n.cfg.TokenFile()
	if err := atomicfile.Replace(path, []byte(text+"\n"), nil); err != nil {
		// Without its file the token is lost with the terminal: better none.
		_, rerr := n.store.Tokens().Revoke(ctx, root.ID, t.ID)
		return errors.Join(fmt.Errorf("writing the token: %w", err), rerr)
	}
	n.log.InfoContext(ctx, "first start: the root account was made", "account", root.ID, "token_file", path)
	if !terminal { // a log or a journal, which others may read
		_, err = fmt.Fprintf(out, "First start. The root account is %s. Its token is in %s.\n", root.ID, path)
		return err
	}
	_, err = fmt.Fprintf(out, "First start. The root account is %s.\nIts token, shown this once and kept in %s:\n\n    %s\n\n", root.ID, path, text)
	return err
}

// isTerminal reports whether somebody reads out on a terminal.
func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// warnWithoutToken tells of a root account that nobody can reach: a first start was cut short, or the last token revoked.
func warnWithoutToken(ctx context.Context, n *module, root aaa.AccountID) error {
	list, _, err := n.store.Tokens().List(ctx, root, store.Page{Limit: 1})
	if err != nil {
		return fmt.Errorf("looking for tokens: %w", err)
	}
	if len(list) == 0 {
		n.log.WarnContext(ctx, "the root account has no token; make one with: aaa-api token create", "account", root)
	}
	return nil
}
