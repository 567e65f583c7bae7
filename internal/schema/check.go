package schema

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"aaa-api/internal/aaa"
)

// Check refuses what Parse would not have returned, with the path of the first fault: for a value that another process decoded. octets is what
// the value takes in JSON at least; more than most are an error of KindTooLong.
func Check(value any, most int64) (octets int64, err error) {
	c := checker{most: most}
	c.value(value)
	switch {
	case c.octets > most:
		return c.octets, aaa.Errorf(aaa.KindTooLong, "the data may have %d octets in JSON at most", most)
	case c.fault != nil:
		return c.octets, aaa.Invalid(*c.fault)
	}
	return c.octets, nil
}

// checker walks a value until the first fault.
type checker struct {
	most, octets int64
	path         path
	fault        *aaa.Field
}

// done reports whether there is nothing more to find out.
func (c *checker) done() bool { return c.fault != nil || c.octets > c.most }

func (c *checker) refuse(rule, message string, target any) {
	c.fault = &aaa.Field{Path: c.path.String(), Rule: rule, Message: message, Target: target}
}

func (c *checker) value(v any) {
	switch v := v.(type) {
	case nil, bool:
		c.octets += int64(len("true"))
	case string:
		c.text(v)
	case json.Number:
		c.number(v.String())
	case []any:
		if c.enter() {
			for i, e := range v {
				c.member(step{index: i}, e)
			}
		}
	case map[string]any:
		if c.enter() {
			for name, e := range v {
				if c.text(name); c.done() {
					return
				}
				c.member(step{name: name, index: -1}, e)
			}
		}
	default:
		c.refuse("type", fmt.Sprintf("%T is no type of a value in JSON", v), nil)
	}
}

// member checks a value inside another. The octet is of the comma or the bracket beside it.
func (c *checker) member(at step, v any) {
	c.octets++
	if c.done() {
		return
	}
	c.path.push(at)
	c.value(v)
	c.path.pop()
}

// enter refuses an object or an array that is one too many.
func (c *checker) enter() bool {
	c.octets++
	if len(c.path) < MaxDepth {
		return true
	}
	c.refuse("depth", fmt.Sprintf("objects and arrays may nest at most %d deep", MaxDepth), MaxDepth)
	return false
}

func (c *checker) text(s string) {
	c.octets += int64(len(s) + len(`""`))
	switch {
	case c.done():
	case !utf8.ValidString(s):
		c.refuse("utf8", "must be UTF-8", nil)
	case strings.IndexByte(s, 0) >= 0:
		c.refuse("character", "must not have the character U+0000", nil)
	}
}

// number refuses what is no number in JSON, or is written in another way than Parse writes it.
func (c *checker) number(text string) {
	c.octets += int64(len(strings.TrimRight(text, "0"))) // 1e7 is shorter
	if len(text) > maxNumber || aaa.CheckValue(json.Number(text)) != nil {
		c.refuse("number", fmt.Sprintf("must be a number of JSON of at most %d characters", maxNumber), maxNumber)
		return
	}
	if v, err := Parse([]byte(text), 0); err != nil || v != json.Number(text) {
		c.refuse("number", "must be within ±1.8e308 and, if it is whole, written in decimal digits", nil)
	}
}
