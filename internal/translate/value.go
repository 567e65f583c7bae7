package translate

import (
	"context"
	"slices"
	"strings"
)

// Value is what a request would send as an attribute, as text: for who must know the user's name
// before any server is chosen. raw is the request's value, sent what the regexp of the rule takes
// of it. Of several rules for the attribute the first that matches counts, and where none does,
// raw is of the first whose key the request holds and sent is empty. So it is where a rule takes several elements of
// an array: no request has room for them. ok is false where no rule is for the attribute. Errors are those of Binding.Out.
func (p *Program) Value(ctx context.Context, attribute string, values map[string]any, budget *Budget) (raw, sent string, ok bool, err error) {
	s := spender{ctx: ctx, budget: budget}
	defer s.end()
	for i, r := range p.rules {
		if !strings.EqualFold(r.attribute, attribute) {
			continue
		}
		ok = true
		list, isList := values[r.key].([]any)
		if !isList {
			list = []any{values[r.key]}
		}
		matches := 0
		for j, element := range list {
			text, found := valueText(element)
			if !found {
				continue
			}
			if raw == "" {
				raw = text
			}
			part, err := s.match(r.out, text)
			if err != nil {
				if !isList {
					j = -1
				}
				return "", "", true, p.refusal(i, j, budget, err)
			}
			if !part.ok {
				continue
			}
			if matches++; matches > 1 {
				return raw, "", true, nil
			}
			raw, sent = text, part.part
		}
		if matches == 1 {
			return raw, sent, true, nil
		}
	}
	return raw, "", ok, nil
}

// Brings reports whether a request holds a key that a rule takes to an attribute.
func (p *Program) Brings(attribute string, values map[string]any) bool {
	return slices.ContainsFunc(p.rules, func(r *rule) bool {
		_, ok := values[r.key]
		return ok && strings.EqualFold(r.attribute, attribute)
	})
}

// FirstText is a request's value as text, of an array its first element; false where it is
// neither text, number nor boolean.
func FirstText(value any) (string, bool) {
	if list, ok := value.([]any); ok {
		if len(list) == 0 {
			return "", false
		}
		value = list[0]
	}
	return valueText(value)
}

// Reads reports whether a rule reads a request key.
func (p *Program) Reads(key string) bool {
	return slices.ContainsFunc(p.rules, func(r *rule) bool { return r.key == key })
}

// Key returns the request key of the first rule for an attribute, written without a tag; empty where no rule names it.
func (p *Program) Key(attribute string) string {
	for _, r := range p.rules {
		name, _, _ := strings.Cut(r.attribute, ":")
		if strings.EqualFold(name, attribute) {
			return r.key
		}
	}
	return ""
}
