// Command aaa-api serves AAA documents and dictionaries over HTTP and answers AAA
// requests from RADIUS servers. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"aaa-api/internal/config"
	"aaa-api/internal/logging"
)

// version is set by the linker.
var version = "dev"

// stopSignals ask the process to end.
var stopSignals = []os.Signal{os.Interrupt, syscall.SIGTERM}

func main() {
	lacks, err := confineMain()
	if err != nil {
		fmt.Fprintf(os.Stderr, "aaa-api: %v\n", err)
		os.Exit(1)
	}
	if isChild(os.Args[1:]) {
		os.Exit(runChild(os.Args[1:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals...)
	// After the first signal the next one ends the process at once, unless a node drains.
	context.AfterFunc(ctx, stop)
	held := heldSockets()
	os.Exit(run(ctx, os.Args[1:], environment{
		vars: os.Environ(), held: held, lacks: lacks, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
	}))
}

// environment is what a command has from the process.
type environment struct {
	vars           []string
	stdin          io.Reader
	stdout, stderr io.Writer
	held           heldFiles // sockets of the program before, which this one takes the place of
	lacks          lacking
}

// errUsage marks an error of how the command was called: exit code 2.
var errUsage = errors.New("usage")

// usageErrors marks what commands say of their arguments and flags that are missing as errors of how they were called.
func usageErrors(cmd *cobra.Command) {
	check := cmd.Args
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		err := check(cmd, args)
		if err == nil {
			err = cmd.ValidateRequiredFlags()
		}
		var unknown *unknownCommand
		switch {
		case err == nil:
			return nil
		case errors.As(err, &unknown):
			return fmt.Errorf("%w: %w", errUsage, err)
		}
		return fmt.Errorf("%w: %w; wanted: %s", errUsage, err, cmd.UseLine())
	}
	for _, below := range cmd.Commands() {
		usageErrors(below)
	}
}

// loadConfig reads the settings of a command; what is wrong with them is an error of how it was called.
func loadConfig(cmd *cobra.Command, env environment) (*config.Config, error) {
	cfg, err := config.Load(cmd.Flags(), env.vars)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	return cfg, nil
}

// run executes a command line and returns the exit code.
func run(ctx context.Context, args []string, env environment) int {
	root := &cobra.Command{
		Use:           "aaa-api",
		Short:         "Multi-tenant AAA gateway: a REST API in front of RADIUS and TACACS+ servers",
		Version:       buildVersion(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          subcommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate(versionLine())
	root.SetArgs(args)
	root.SetIn(env.stdin)
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		serveCommand(env), migrateCommand(env), tokenCommand(env), keyCommand(env), dictionaryCommand(env), fsmCommand(), ctlCommand(env), versionCommand(),
	)
	addDefaults(root)
	usageErrors(root)
	switch err := root.ExecuteContext(ctx); {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintf(env.stderr, "aaa-api: %v\n", err)
		return 2
	case errors.As(err, new(*notRunning)):
		fmt.Fprintf(env.stderr, "aaa-api: %v\n", err)
		return 3
	case errors.Is(err, logging.ErrUnread): // it is what env.stderr takes: printing would wait for ever
		return 1
	default:
		fmt.Fprintf(env.stderr, "aaa-api: %v\n", err)
		return 1
	}
}
