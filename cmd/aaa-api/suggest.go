package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// subcommand is the Args of a command that only groups others: a word that names none of them is an error.
func subcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%s has no command %q%s; see %s --help", cmd.CommandPath(), args[0], didYouMean(cmd, args[0], ""), cmd.CommandPath())
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
