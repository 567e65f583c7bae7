package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// unknownCommand is a word that names no command below another.
type unknownCommand struct{ text string }

func (e *unknownCommand) Error() string { return e.text }

// subcommand is the Args of a command that only groups others: a word that names none of them is an error.
func subcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &unknownCommand{fmt.Sprintf("%s has no command %q%s; see %s --help", cmd.CommandPath(), args[0], didYouMean(cmd, args[0], ""), cmd.CommandPath())}
}

// addDefaults adds cobra's own commands, help and completion, which by themselves end well whatever words follow.
func addDefaults(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Args = func(_ *cobra.Command, args []string) error {
				found, rest, err := root.Find(args)
				if err != nil {
					return err
				}
				return subcommand(found, rest)
			}
		case "completion":
			cmd.Args = subcommand
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
}

// flagError marks an error of flags as one of how the command was called, and names the flag that may be meant.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	// cobra finds near names among commands alone: flags are made commands for it.
	flags := &cobra.Command{}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			flags.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
		}
	})
	return fmt.Errorf("%w: %w%s; see %s --help", errUsage, err, didYouMean(flags, unknown.GetSpecifiedName(), "--"), cmd.CommandPath())
}

// didYouMean names the first of the commands below cmd that is near to a word, or nothing.
func didYouMean(cmd *cobra.Command, word, prefix string) string {
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	near := cmd.SuggestionsFor(word)
	if len(near) == 0 {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s%s?)", prefix, near[0])
}
