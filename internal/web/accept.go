package web

import (
	"net/http"
	"strconv"
	"strings"
)

const (
	// FormJSON is the media type of answers in the envelope.
	FormJSON    = "application/json"
	formProblem = "application/problem+json"
)

// maxRanges bounds how many media ranges of an Accept header are looked at.
const maxRanges = 32

// Accepted chooses the form of an answer by Accept (RFC 9110 §12.5.1): the offer that the
// client likes best, the first of those that it likes equally. A client that takes none
// of them gets the first.
func (c *Call) Accepted(offers ...string) string { return accepted(c.r, offers...) }

func accepted(r *http.Request, offers ...string) string {
	ranges := mediaRanges(r)
	best, bestQ := offers[0], 0.0
	for _, offer := range offers {
		if q, _ := quality(ranges, offer); q > bestQ {
			best, bestQ = offer, q
		}
	}
	return best
}

// wantsProblem reports whether an error is answered as RFC 9457 says: where the client asks for that form
// by its name, and likes it no less than plain JSON.
func wantsProblem(r *http.Request) bool {
	ranges := mediaRanges(r)
	q, named := quality(ranges, formProblem)
	plain, _ := quality(ranges, FormJSON)
	return named && q > 0 && q >= plain
}

// mediaRanges are the media ranges of Accept, in lower case.
func mediaRanges(r *http.Request) []string {
	list := r.Header["Accept"]
	if len(list) == 0 {
		return nil
	}
	ranges := strings.SplitN(strings.ToLower(strings.Join(list, ",")), ",", maxRanges+1)
	return ranges[:min(len(ranges), maxRanges)]
}

// quality is the weight that the most specific of the ranges gives a type, 0 without one. named
// tells that it is the type itself.
func quality(ranges []string, offer string) (q float64, named bool) {
	found := 0
	kind, _, _ := strings.Cut(offer, "/")
	for _, text := range ranges {
		name, params, _ := strings.Cut(text, ";")
		specific := 0
		switch strings.TrimSpace(name) {
		case offer:
			specific = 3
		case kind + "/*":
			specific = 2
		case "*/*":
			specific = 1
		}
		if specific > found {
			q, found = weight(params), specific
		}
	}
	return q, found == 3
}

// weight reads the q of a media range's parameters: 1 without one, 0 for one that can't be read.
func weight(params string) float64 {
	for p := range strings.SplitSeq(params, ";") {
		if v, ok := strings.CutPrefix(strings.TrimSpace(p), "q="); ok {
			q, err := strconv.ParseFloat(v, 64)
			if err != nil || !(q >= 0 && q <= 1) {
				return 0
			}
			return q
		}
	}
	return 1
}
