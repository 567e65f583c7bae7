package web

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/schema"
	"aaa-api/internal/store"
)

const (
	defaultPage = 50
	// MaxPage is how many entries a page has at most.
	MaxPage = 1000
	// MaxList bounds paginate=false, and how many entries a filter looks through for one answer.
	MaxList = 10_000
	// maxFetches bounds how often one answer asks for the next part of a list, whose parts may be empty.
	maxFetches = MaxList / MaxPage
)

// pageQuery is the part of a list that was asked for.
type pageQuery struct {
	store.Page
	filters map[string]string
}

// page reads page_size, start_key, paginate and filter_KEY.
func (c *Call) page() (pageQuery, error) {
	p := pageQuery{Page: store.Page{Limit: defaultPage}}
	if c.query == nil {
		return p, nil
	}
	if c.query.Has("page_size") {
		n, err := strconv.Atoi(c.query.Get("page_size"))
		if err != nil || n < 1 || n > MaxPage {
			return p, aaa.Invalid(aaa.Field{Path: "page_size", Rule: "range", Message: fmt.Sprintf("must be a number from 1 to %d", MaxPage), Target: MaxPage})
		}
		p.Limit = n
	}
	if c.query.Has("paginate") {
		paginate, err := c.Flag("paginate")
		if err != nil {
			return p, err
		}
		if !paginate {
			p.Limit = MaxList
		}
	}
	p.Start = c.query.Get("start_key")
	if len(p.Start) > 256 {
		return p, aaa.Invalid(aaa.Field{Path: "start_key", Rule: "maxLength", Message: "must be the next_start_key of the page before, at most 256 octets", Target: 256})
	}
	for name := range c.query {
		if key, ok := strings.CutPrefix(name, "filter_"); ok {
			if p.filters == nil {
				p.filters = make(map[string]string)
			}
			p.filters[key] = c.query.Get(name)
		}
	}
	return p, nil
}

// ServeList answers with a page of what fetch gives; key is an entry's key in fetch's
// order. With filters it goes on through the list until the page is full, at
// most over MaxList entries: next_start_key then tells where to go on. members are those of the envelope beside the page's own.
func ServeList[T any](c *Call, fetch Fetch[T], key func(T) string, view func(T) any, members ...Member) error {
	p, err := c.page()
	if err != nil {
		return err
	}
	if err := p.checkFilters(reflect.TypeOf(view(*new(T)))); err != nil {
		return err
	}
	rows, next, err := collect(c.Context(), p, fetch, key, view)
	if err != nil {
		return err
	}
	return c.Reply(Answer{Data: rows, Members: members, page: &pageInfo{size: len(rows), start: p.Start, next: next}})
}

// TakeFilters takes the filters by these keys out of the query, for a list whose source chooses its entries itself. ServeList has the others.
func (c *Call) TakeFilters(keys ...string) map[string]string {
	taken := make(map[string]string)
	for _, key := range keys {
		if name := "filter_" + key; c.query.Has(name) {
			taken[key] = c.query.Get(name)
			c.query.Del(name)
		}
	}
	return taken
}

// OnlyFilters is TakeFilters for what is no list: filters by other keys are refused.
func (c *Call) OnlyFilters(keys ...string) (map[string]string, error) {
	taken := c.TakeFilters(keys...)
	var faults []aaa.Field
	for _, name := range slices.Sorted(maps.Keys(c.query)) {
		if key, ok := strings.CutPrefix(name, "filter_"); ok {
			faults = append(faults, aaa.Field{Path: name, Rule: "unknown", Message: schema.Unknown("there is no such filter here", key, keys), Target: keys})
		}
	}
	if faults != nil {
		return nil, aaa.Invalid(faults...)
	}
	return taken, nil
}

// Fetch gives a page of a list and the key of the next page, empty at the end.
type Fetch[T any] func(context.Context, store.Page) ([]T, string, error)

func collect[T any](ctx context.Context, p pageQuery, fetch Fetch[T], key func(T) string, view func(T) any) (rows []json.RawMessage, next string, err error) {
	rows = []json.RawMessage{}
	at := p.Page
	if p.filters != nil {
		at.Limit = MaxPage
	}
	seen, fetches := 0, 0
	for {
		part, after, err := fetch(ctx, at)
		if err != nil {
			return nil, "", err
		}
		for _, entry := range part {
			if len(rows) == p.Limit {
				return rows, key(entry), nil
			}
			row, err := json.Marshal(view(entry))
			if err != nil {
				return nil, "", err
			}
			if p.matches(row) {
				rows = append(rows, row)
			}
		}
		seen, fetches = seen+len(part), fetches+1
		if after == "" || len(rows) == p.Limit || seen >= MaxList || fetches == maxFetches {
			return rows, after, nil
		}
		at.Start = after
	}
}

// checkFilters refuses filters by what is no member of the list's entries, of which row is the type.
func (p pageQuery) checkFilters(row reflect.Type) error {
	if len(p.filters) == 0 {
		return nil
	}
	members := jsonMembers(row)
	var faults []aaa.Field
	for _, key := range slices.Sorted(maps.Keys(p.filters)) {
		if !slices.Contains(members, key) {
			faults = append(faults, aaa.Field{Path: "filter_" + key, Rule: "unknown", Message: schema.Unknown("the entries of this list have no such member", key, members), Target: members})
		}
	}
	if faults != nil {
		return aaa.Invalid(faults...)
	}
	return nil
}

// jsonMembers are the names of a struct's members in JSON, in order.
func jsonMembers(t reflect.Type) []string {
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// matches reports whether every filter equals the member of that name: strings by
// their text, others by their JSON.
func (p pageQuery) matches(row json.RawMessage) bool {
	if len(p.filters) == 0 {
		return true
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(row, &members) != nil {
		return false
	}
	for key, want := range p.filters {
		have, ok := members[key]
		if !ok {
			return false
		}
		text := string(have)
		if have[0] == '"' && json.Unmarshal(have, &text) != nil {
			return false
		}
		if text != want {
			return false
		}
	}
	return true
}

// SlicePage pages through a list held in memory, keyed by its entries' own keys in order.
func SlicePage[T any](all []T, key func(T) string) Fetch[T] {
	return func(_ context.Context, p store.Page) ([]T, string, error) {
		from := 0
		if p.Start != "" {
			for from < len(all) && key(all[from]) != p.Start {
				from++
			}
		}
		rest := all[from:]
		if p.Limit > 0 && len(rest) > p.Limit {
			return rest[:p.Limit], key(rest[p.Limit]), nil
		}
		return rest, "", nil
	}
}
