package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"aaa-api/internal/charset"
	"aaa-api/internal/fsm"
)

// builtInPrefix before a name stands for the text of a shipped table in place of a file.
const builtInPrefix = "builtin:"

func fsmCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fsm",
		Short: "Check, draw and simulate state machine tables",
		Long: "Check, draw and simulate state machine tables.\n\n" +
			"A FILE holds a table as text or as JSON; - reads the standard input, and builtin:NAME is a table that comes with the program.",
		Args: subcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(fsmList(), fsmCheck(), fsmDraw(), fsmSimulate())
	return cmd
}

func fsmList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the tables that come with the program",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
			for _, b := range fsm.BuiltIns() {
				fmt.Fprintf(w, "%s%s\t%s\n", builtInPrefix, b.Name, b.Title)
			}
			return w.Flush()
		},
	}
}

func fsmCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE...",
		Short: "Check tables, and tell every fault with its line",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var wrong []string
			for _, path := range args {
				table, err := readTable(cmd, path)
				if err != nil {
					fmt.Fprintln(cmd.ErrOrStderr(), err)
					wrong = append(wrong, path)
					continue
				}
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %d states, %d lines, no errors\n", path, table.States(), table.Lines()); err != nil {
					return err
				}
			}
			if len(wrong) > 0 {
				return errors.New("errors in " + strings.Join(wrong, ", "))
			}
			return nil
		},
	}
}

func fsmDraw() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "draw FILE",
		Short: "Draw a table, as text for Graphviz or Mermaid",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var draw func(*fsm.Table) string
			switch format {
			case "graphviz":
				draw = (*fsm.Table).Dot
			case "mermaid":
				draw = (*fsm.Table).Mermaid
			default:
				return fmt.Errorf("%w: --format is graphviz or mermaid, not %q", errUsage, format)
			}
			table, err := readTable(cmd, args[0])
			if err != nil {
				return err
			}
			_, err = io.WriteString(cmd.OutOrStdout(), draw(table))
			return err
		},
	}
	cmd.Flags().StringVar(&format, "format", "graphviz", "graphviz or mermaid")
	return cmd
}

func fsmSimulate() *cobra.Command {
	var script string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "simulate FILE",
		Short: "Walk a request through a table, with what a script says in place of servers",
		Long: "Walk a request through a table, with what a script says in place of servers.\n\n" +
			`The script is JSON: {"request":"AUTHEN", "answers":[{"action":"FILE","answer":"ACK"}], "arrives":[{"action":"RADIUS","event":"ERROR"}]}.` + "\n" +
			"Without one an authentication comes, and nothing ever answers it.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s := fsm.Script{Request: fsm.AUTHEN.String()}
			if script != "" {
				if script == "-" && args[0] == "-" {
					return fmt.Errorf("%w: the table and the script can't both come from the standard input", errUsage)
				}
				data, err := readAtMost(cmd.InOrStdin(), script, fsm.MaxScript)
				if err != nil {
					return err
				}
				if s, err = fsm.ParseScript(data); err != nil {
					return fmt.Errorf("%s: %w", script, err)
				}
			}
			table, err := readTable(cmd, args[0])
			if err != nil {
				return err
			}
			walk, err := fsm.Simulate(table, s)
			if err != nil {
				return fmt.Errorf("%s: %w", script, err)
			}
			if !asJSON {
				_, err = io.WriteString(cmd.OutOrStdout(), walk.Text())
				return err
			}
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetIndent("", "  ")
			enc.SetEscapeHTML(false)
			return enc.Encode(walk)
		},
	}
	cmd.Flags().StringVar(&script, "script", "", "file with what actions answer and what arrives (JSON)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the walk as JSON")
	return cmd
}

// readTable reads and compiles the table of a command's argument. Warnings go to the standard
// error output; the error has a line for each of the table's errors.
func readTable(cmd *cobra.Command, path string) (*fsm.Table, error) {
	var text []byte
	if name, ok := strings.CutPrefix(path, builtInPrefix); ok {
		shipped, ok := fsm.BuiltIn(name)
		if !ok {
			return nil, fmt.Errorf("%s: there is no such table: see aaa-api fsm list", path)
		}
		text = []byte(shipped)
	} else {
		var err error
		if text, err = readAtMost(cmd.InOrStdin(), path, fsm.MaxText); err != nil {
			return nil, err
		}
		text = charset.Clean(text)
	}
	table, wrong, warnings := compileTable(text)
	for _, f := range warnings {
		fmt.Fprintln(cmd.ErrOrStderr(), faultLine(path, "warning: ", f))
	}
	if len(wrong) > 0 {
		lines := make([]string, len(wrong))
		for i, f := range wrong {
			lines[i] = faultLine(path, "", f)
		}
		return nil, errors.New(strings.Join(lines, "\n"))
	}
	return table, nil
}

// compileTable compiles a table written as text, or as JSON where it begins like an object.
func compileTable(text []byte) (table *fsm.Table, wrong, warnings []fsm.Fault) {
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return fsm.Check(text, actionSpecs())
	}
	src, faults := fsm.ParseJSON(text)
	if len(faults) > 0 {
		return nil, faults, nil
	}
	return fsm.Compile(src, actionSpecs())
}

// faultLine is FILE:LINE: message, the way editors understand; with the path where the
// table is JSON.
func faultLine(path, prefix string, f fsm.Fault) string {
	switch {
	case f.Line > 0:
		return fmt.Sprintf("%s:%d: %s%s", path, f.Line, prefix, f.Message)
	case f.Path != "":
		return fmt.Sprintf("%s: %s%s: %s", path, prefix, f.Path, f.Message)
	}
	return fmt.Sprintf("%s: %s%s", path, prefix, f.Message)
}

// readAtMost reads a file, or the standard input for -, of at most so many octets.
func readAtMost(stdin io.Reader, path string, most int64) ([]byte, error) {
	from := stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close() //nolint:errcheck // it was only read
		from = f
	}
	data, err := io.ReadAll(io.LimitReader(from, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("it is longer than %d octets", most)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
}
