package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"aaa-api/internal/aaa"
	"aaa-api/schemas"
)

// The schemas, by the names of their files.
const (
	AAA        = "aaa"        // AAA document of an account
	SystemAAA  = "system_aaa" // AAA document of the system configuration
	Account    = "account"
	Dictionary = "dictionary"
	Token      = "token"
	Ban        = "ban"     // a ban by hand
	Client     = "client"  // a network device
	Request    = "request" // the data of an AAA request
	FSM        = "fsm"     // state machine table
)

var names = []string{AAA, SystemAAA, Account, Dictionary, Token, Ban, Client, Request, FSM}

// base is where the compiler believes the schemas to be.
const base = "aaa-api:///"

// set holds the compiled schemas, and their texts to take bounds from.
type set struct {
	compiled map[string]*jsonschema.Schema
	raw      map[string]any // by URL
}

// load compiles all embedded schemas once, when first needed.
var load = sync.OnceValues(func() (*set, error) {
	c := jsonschema.NewCompiler()
	c.Draft = jsonschema.Draft2020
	c.AssertFormat = true
	c.Formats["line"] = isLine
	s := &set{compiled: make(map[string]*jsonschema.Schema), raw: make(map[string]any)}
	for _, name := range names {
		text, err := schemas.Files.ReadFile(name + ".json")
		if err != nil {
			return nil, err
		}
		at := base + name + ".json"
		if s.raw[at], err = Parse(text, MaxDepth); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if err := c.AddResource(at, bytes.NewReader(text)); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		compiled, err := c.Compile(base + name + ".json")
		if err != nil {
			return nil, err
		}
		s.compiled[name] = compiled
	}
	return s, nil
})

// isLine is the format of names and of other texts of one line.
func isLine(v any) bool {
	s, ok := v.(string)
	return !ok || aaa.IsLine(s) // what is no string is the type's fault
}

// Validate checks a value, as Parse returns them, against a schema and returns
// every fault, up to 200, sorted by path; nil without one. A name that is no schema panics.
func Validate(name string, value any) []aaa.Field {
	if name == Request && plainRequest(value) {
		return nil
	}
	s, err := load()
	if err != nil {
		panic(fmt.Errorf("embedded schemas: %w", err)) // a fault of the build
	}
	compiled, ok := s.compiled[name]
	if !ok {
		panic("no schema is named " + name)
	}
	err = compiled.Validate(value)
	if err == nil {
		return nil
	}
	var ve *jsonschema.ValidationError
	if !errors.As(err, &ve) {
		return []aaa.Field{{Rule: "type", Message: "is not a JSON value"}}
	}
	var list []fault
	s.collect(ve, value, &list)
	sortFaults(list)
	var out faults
	for _, f := range list {
		f.field.Path = f.at.String()
		out.add(f.field)
	}
	return out.list()
}

// collect turns the leaves of a validation error into faults.
func (s *set) collect(ve *jsonschema.ValidationError, value any, list *[]fault) {
	if len(ve.Causes) > 0 {
		for _, c := range ve.Causes {
			s.collect(c, value, list)
		}
		return
	}
	at, instance := follow(value, ve.InstanceLocation)
	keyword, parent, target := s.keyword(ve.AbsoluteKeywordLocation)
	switch keyword {
	case "required":
		object, _ := instance.(map[string]any)
		for _, name := range strs(target) {
			if _, ok := object[name]; !ok {
				*list = append(*list, fault{at.in(step{name: name, index: -1}), aaa.Field{Rule: "required", Message: "is required"}})
			}
		}
	case "additionalProperties":
		object, _ := instance.(map[string]any)
		for name := range object {
			if !known(parent, name) {
				*list = append(*list, fault{at.in(step{name: name, index: -1}), aaa.Field{Rule: "unknown", Message: Unknown("is not a known member", name, members(parent))}})
			}
		}
	default:
		f := aaa.Field{Rule: keyword, Message: message(keyword, target, parent, ve.Message), Target: target}
		ofName := strings.Contains(ve.KeywordLocation, "/propertyNames/")
		if ofName {
			f.Message = "the member's name " + f.Message
		}
		hidden := ofName || parent["writeOnly"] == true || parent["x-unrepeated"] == true || secretName(at)
		if !hidden && !(keyword == "type" && composite(target)) {
			f.Value = scalar(instance)
		}
		*list = append(*list, fault{at, f})
	}
}

// follow finds the value that a JSON pointer of the library (its tokens are URL-escaped) leads to.
func follow(value any, pointer string) (path, any) {
	var at path
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if pointer == "" {
			break
		}
		token = unescape(token)
		switch v := value.(type) {
		case map[string]any:
			at.push(step{name: token, index: -1})
			value = v[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(v) {
				return at, nil
			}
			at.push(step{index: i})
			value = v[i]
		default:
			return at, nil
		}
	}
	return at, value
}

func unescape(token string) string {
	if t, err := url.PathUnescape(token); err == nil {
		token = t
	}
	return strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
}

// keyword finds the keyword at an absolute location, with the schema around it and its value.
func (s *set) keyword(location string) (keyword string, parent map[string]any, target any) {
	at, pointer, _ := strings.Cut(location, "#")
	i := strings.LastIndexByte(pointer, '/')
	if i < 0 {
		return "", nil, nil
	}
	_, around := follow(s.raw[at], pointer[:i])
	parent, _ = around.(map[string]any)
	keyword = unescape(pointer[i+1:])
	return keyword, parent, parent[keyword]
}

// known reports whether a schema that refuses additional properties takes a member.
func known(schema map[string]any, name string) bool {
	if props, _ := schema["properties"].(map[string]any); props[name] != nil {
		return true
	}
	patterns, _ := schema["patternProperties"].(map[string]any)
	for p := range patterns {
		if ok, err := regexp.MatchString(p, name); ok && err == nil {
			return true
		}
	}
	return false
}

// members are the names that a schema lists.
func members(schema map[string]any) []string {
	props, _ := schema["properties"].(map[string]any)
	return slices.Collect(maps.Keys(props))
}

// secretName is the second line of defence after writeOnly: a value under such a
// name is never repeated, whatever the schema says.
func secretName(at path) bool {
	for _, s := range at {
		if s.index < 0 && aaa.SensitiveName(s.name) {
			return true
		}
	}
	return false
}

// composite reports whether a type keyword asks for an object or an array: what
// stands there instead may be anything, so it is not repeated.
func composite(types any) bool { return types == "object" || types == "array" }

// scalar returns what a fault may repeat of a value: no objects and arrays, which
// may hold secrets somewhere inside, and no more than 256 octets.
func scalar(v any) any {
	switch v := v.(type) {
	case bool, json.Number:
		return v
	case string:
		return shorten(v, 256)
	default:
		return nil
	}
}

func strs(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		list := make([]string, len(v))
		for i := range v {
			list[i] = fmt.Sprint(v[i])
		}
		return list
	default:
		return nil
	}
}
