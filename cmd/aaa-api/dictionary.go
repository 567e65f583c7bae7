package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"aaa-api/internal/aaa"
	"aaa-api/internal/config"
	"aaa-api/internal/dict"
	"aaa-api/internal/schema"
)

func dictionaryCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dictionary",
		Short: "Check dictionary files and turn one form into the other",
		Args:  subcommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	toConvert := dictionaryFile(env, "convert", "Print a JSON dictionary as FreeRADIUS text, and the other way round", convert)
	toConvert.Flags().String(nameFlag, "", "name of a text's dictionary in JSON (default: that of its file)")
	cmd.AddCommand(dictionaryFile(env, "lint", "Check a dictionary, in JSON or as FreeRADIUS text, as an upload is checked", lint), toConvert)
	return cmd
}

// nameFlag names a dictionary that is made of a text, which holds no name itself.
const nameFlag = "name"

// dictFile is a dictionary to work on, with the system dictionaries that it may refer to.
type dictFile struct {
	path, name string
	text       []byte
	visible    *dict.Set
}

// dictionaryFile makes a command that reads the file of its argument and hands it to do.
func dictionaryFile(env environment, use, short string, do func(io.Writer, *dictFile) error) *cobra.Command {
	cmd := &cobra.Command{
		Use:   use + " FILE",
		Short: short + ` ("-" reads the standard input)`,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := loadConfig(cmd, env)
			if err != nil {
				return err
			}
			system, err := dict.LoadSystem(cfg.DictionaryDir)
			if err != nil {
				return fmt.Errorf("system dictionaries: %w", err)
			}
			f := &dictFile{path: args[0], visible: system.Default()}
			f.name = strings.TrimSuffix(filepath.Base(f.path), ".json")
			if name := cmd.Flags().Lookup(nameFlag); name != nil && name.Changed {
				f.name = name.Value.String()
			}
			if f.text, err = readAtMost(cmd.InOrStdin(), f.path, dict.MaxBytes); err != nil {
				return err
			}
			return explainFaults(f.path, do(cmd.OutOrStdout(), f))
		},
	}
	config.AddFlags(cmd.Flags(), config.DictionaryDir)
	return cmd
}

func lint(out io.Writer, f *dictFile) error {
	doc, err := dict.Lint(f.name, f.text, f.visible)
	if err != nil {
		return err
	}
	if dict.IsJSON(f.text) { // a text has no more than entries
		if faults := schema.Validate(schema.Dictionary, besideEntries(doc)); len(faults) > 0 {
			return aaa.Invalid(faults...)
		}
	}
	for _, w := range doc.Warnings {
		if _, err := fmt.Fprintf(out, "%s: warning: %s: %s\n", f.path, w.Path, w.Message); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(out, "%s: %d entries, no faults\n", f.path, len(doc.Value))
	return err
}

// besideEntries is a dictionary as the schema of uploads sees it, without the entries, which are the compiler's to check.
func besideEntries(doc *dict.Document) map[string]any {
	members := map[string]any{"value": []any{}}
	if doc.Name != "" {
		members["name"] = doc.Name
	}
	if doc.Owner != "" {
		members["owner"] = doc.Owner
	}
	if doc.Uses != nil {
		members["uses"] = []any{}
	}
	return members
}

func convert(out io.Writer, f *dictFile) error {
	if !dict.IsJSON(f.text) {
		if faults := schema.Validate(schema.Dictionary, besideEntries(&dict.Document{Name: f.name})); len(faults) > 0 {
			return fmt.Errorf("%q is no name for a dictionary: give one with --%s", f.name, nameFlag)
		}
	}
	text, err := dict.Convert(f.name, f.text, f.visible)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

// explainFaults lists every fault of a file, each on a line of its own.
func explainFaults(path string, err error) error {
	if err == nil {
		return nil
	}
	var e *aaa.Error
	if !errors.As(err, &e) || len(e.Fields) == 0 {
		return fmt.Errorf("%s: %w", path, err)
	}
	lines := make([]string, 0, len(e.Fields))
	for _, f := range e.Fields {
		lines = append(lines, fmt.Sprintf("%s: %s: %s", path, f.Path, f.Message))
	}
	return errors.New(strings.Join(lines, "\n"))
}
