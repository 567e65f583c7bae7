package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"aaa-api/internal/aaa"
)

// page is what a verb prints on.
type page struct {
	out, notes io.Writer
	json       bool
}

// print prints v as JSON, or what table writes. Cells of table end with a tab.
func (p *page) print(v any, table func(w io.Writer)) error {
	if p.json {
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return err
		}
		_, err = p.out.Write(append(text, '\n'))
		return err
	}
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	table(w)
	if err := w.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		if _, err := io.WriteString(p.out, strings.TrimRight(line, " \n")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// row writes a line of a table.
func row(w io.Writer, cells ...any) {
	for i, c := range cells {
		end := "\t"
		if i == len(cells)-1 {
			end = "\n"
		}
		fmt.Fprint(w, cell(c), end)
	}
}

// cell is a value as tables show it. What strangers wrote can't steer the terminal or break the table.
func cell(v any) string {
	text := fmt.Sprint(v)
	switch {
	case text == "":
		return "-"
	case !aaa.IsLine(text):
		return strconv.QuoteToASCII(text)
	}
	return text
}

// moment is a time as tables show it.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.DateTime)
}

// span is how long something took or takes, in whole seconds.
func span(d time.Duration) string { return max(d, 0).Round(time.Second).String() }

// since is how long ago a time was.
func since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return span(time.Since(t))
}
