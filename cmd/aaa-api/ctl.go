package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aaa-api/internal/aaa"
	"aaa-api/internal/adminsocket"
	"aaa-api/internal/config"
	"aaa-api/internal/line"
	"aaa-api/internal/operations"
)

// notRunning is the error where there is no node to ask: exit code 3.
type notRunning struct{ folder string }

func (e *notRunning) Error() string {
	return fmt.Sprintf("no node runs on the data folder %[1]s: start one (aaa-api serve --data-dir %[1]s), or name the folder of the one that runs with --data-dir", e.folder)
}

func ctlCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ctl",
		Short: "Ask and steer a running node of this machine",
		Long: `Ask and steer a node that runs on this machine, through the socket admin.sock in its data folder.

Only root and the user that the node runs as may. No token is needed, and all accounts are seen. ctl ends with 0, with 1 after an
error, with 2 after a wrong command line, and with 3 if no node runs on the data folder.

Tables are for people. --output json is for programs: one value, times in RFC 3339, and names that stay.`,
		Example: `  aaa-api ctl status
  aaa-api ctl servers --state dead
  aaa-api ctl requests --follow --user alice
  aaa-api ctl disconnect --user alice --data-dir /var/lib/aaa-api`,
		Args: subcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		ctlStatus(env), ctlServers(env), ctlRequests(env), ctlSessions(env), ctlSession(env), ctlDisconnect(env), ctlBans(env), ctlBan(env), ctlUnban(env), ctlClients(env), ctlReload(env), ctlStop(env),
	)
	return cmd
}

// verb is a command of ctl, with what all of them have.
type verb struct {
	*cobra.Command
	env    environment
	output *string
}

// newVerb makes a verb. run gets the line to the node.
func newVerb(env environment, use, short, long, example string, args cobra.PositionalArgs) *verb {
	v := &verb{Command: &cobra.Command{Use: use, Short: short, Long: long, Example: example, Args: args}, env: env}
	config.AddFlags(v.Flags(), config.DataDir)
	v.output = v.Flags().StringP("output", "o", "table", "table or json")
	return v
}

// runs sets what the verb does with a node.
func (v *verb) runs(do func(ctx context.Context, n *reached) error) *cobra.Command {
	v.RunE = func(cmd *cobra.Command, _ []string) error {
		if *v.output != "table" && *v.output != "json" {
			return fmt.Errorf("%w: --output is table or json", errUsage)
		}
		cfg, err := loadConfig(cmd, v.env)
		if err != nil {
			return err
		}
		n, err := reach(cmd.Context(), cfg.DataDir)
		if err != nil {
			return err
		}
		defer n.line.Close()
		n.page = page{cmd.OutOrStdout(), cmd.ErrOrStderr(), *v.output == "json"}
		err = do(cmd.Context(), n)
		if err != nil && cmd.Context().Err() != nil {
			return errors.New("interrupted before the node has answered")
		}
		return v.told(err)
	}
	return v.Command
}

// reached is a running node.
type reached struct {
	page
	line  *line.Conn
	hello adminsocket.Hello
}

// reach connects to the node of a data folder.
func reach(ctx context.Context, folder string) (*reached, error) {
	c, hello, err := adminsocket.Dial(ctx, folder, operations.Protocol())
	if errors.Is(err, adminsocket.ErrNotRunning) {
		if whole, aerr := filepath.Abs(folder); aerr == nil {
			folder = whole
		}
		return nil, &notRunning{folder}
	}
	if err != nil {
		return nil, err
	}
	return &reached{line: c, hello: hello}, nil
}

// from says who asks: the socket has found that out.
func from() line.From { return line.From{RequestID: aaa.NewID(), At: time.Now()} }

// runOn runs an operation on a node.
func runOn[Q, R any](ctx context.Context, n *reached, o *operations.Operation[Q, R], q Q) (R, error) {
	return o.Call(ctx, n.line, from(), q)
}

// told names the part of the command line that an error of the node is about.
func (v *verb) told(err error) error {
	var e *aaa.Error
	if !errors.As(err, &e) || len(e.Fields) != 1 {
		return err
	}
	name, says := strings.TrimPrefix(e.Fields[0].Path, "filter_"), e.Fields[0].Message+allowed(e.Fields[0])
	switch {
	case v.Flags().Lookup(name) != nil:
		name = "--" + name
	case name == "seconds":
		name, says = "--for", says+" seconds"
	default:
		name = strings.ToUpper(name)
	}
	return fmt.Errorf("%w: %s: %s", errUsage, name, says)
}

// allowed lists the values that are possible where the message of an error does not.
func allowed(f aaa.Field) string {
	list, ok := f.Target.([]any)
	switch {
	case !ok || f.Rule != "enum":
		return ""
	case len(list) == 0:
		return " (there is none)"
	}
	names := []string{}
	for _, v := range list {
		names = append(names, fmt.Sprint(v))
	}
	return ": " + strings.Join(names, ", ")
}

// accountBelow adds --account to a verb.
func (v *verb) accountBelow(what string) *string {
	return v.Flags().String("account", "", what)
}
