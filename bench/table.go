package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// row is one line of the result.
type row struct {
	name   string
	value  float64
	format string  // of value and target: %.2f×
	target float64 // what value is held against
	atMost bool    // the target is an upper bound
	detail string  // the numbers behind the value
	err    error   // the measurement did not run
}

func (r row) met() bool {
	if r.atMost {
		return r.value <= r.target
	}
	return r.value >= r.target
}

// printTable writes the rows and reports whether all were measured.
func printTable(w io.Writer, rows []row) (complete bool) {
	complete = true
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "measured\tvalue\ttarget\t\tfrom")
	for _, r := range rows {
		if r.err != nil {
			complete = false
			fmt.Fprintf(tw, "%s\t-\t\tnot run\t%v\n", r.name, r.err)
			continue
		}
		bound, verdict := "≥", "met"
		if r.atMost {
			bound = "≤"
		}
		if !r.met() {
			verdict = "MISSED"
		}
		fmt.Fprintf(tw, "%s\t"+r.format+"\t%s "+r.format+"\t%s\t%s\n", r.name, r.value, bound, r.target, verdict, r.detail)
	}
	_ = tw.Flush()
	return complete
}

// median is the middle one, 0 of none.
func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(list))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}
