package document

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"aaa-api/internal/aaa"
)

// typedOf makes the typed form of a document that its schema accepts, as decode does of its text.
func typedOf(body any) (*aaa.Document, error) {
	d := new(aaa.Document)
	if err := assign(reflect.ValueOf(d).Elem(), body); err != nil {
		return nil, err
	}
	members, _ := body.(map[string]any)
	servers, _ := members["servers"].([]any)
	for i := range d.Servers {
		s := &d.Servers[i]
		server, _ := servers[i].(map[string]any)
		if _, ok := server["retries"]; !ok {
			s.Retries = DefaultRetries
		}
		if _, ok := server["timeout"]; !ok {
			s.Timeout = DefaultTimeout
		}
		s.Timeout = max(s.Timeout, leastTimeout)
	}
	return d, nil
}

// assign sets v from a value that schema.Parse returned, without the detour over text. It does what encoding/json
// does, but takes members by their exact names alone.
func assign(v reflect.Value, from any) error {
	if from == nil {
		return nil
	}
	switch u := v.Addr().Interface().(type) {
	case json.Unmarshaler:
		text, err := aaa.PlainJSON(from)
		if err != nil {
			return err
		}
		return u.UnmarshalJSON(text)
	case encoding.TextUnmarshaler:
		text, ok := from.(string)
		if !ok {
			return misfit(v)
		}
		return u.UnmarshalText([]byte(text))
	}
	ok := false
	switch v.Kind() {
	case reflect.String:
		var text string
		if text, ok = from.(string); ok {
			v.SetString(text)
		}
	case reflect.Bool:
		var flag bool
		if flag, ok = from.(bool); ok {
			v.SetBool(flag)
		}
	case reflect.Int:
		number, _ := from.(json.Number)
		n, err := strconv.ParseInt(string(number), 10, strconv.IntSize)
		if ok = err == nil; ok {
			v.SetInt(n)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return assign(v.Elem(), from)
	case reflect.Slice:
		return assignSlice(v, from)
	case reflect.Map:
		return assignMap(v, from)
	case reflect.Struct:
		return assignStruct(v, from)
	}
	if !ok {
		return misfit(v)
	}
	return nil
}

// misfit says nothing of the value: it may be a secret.
func misfit(v reflect.Value) error { return fmt.Errorf("no value of type %s", v.Type()) }

func assignSlice(v reflect.Value, from any) error {
	list, ok := from.([]any)
	if !ok {
		return misfit(v)
	}
	v.Set(reflect.MakeSlice(v.Type(), len(list), len(list)))
	for i, e := range list {
		if err := assign(v.Index(i), e); err != nil {
			return err
		}
	}
	return nil
}

func assignMap(v reflect.Value, from any) error {
	members, ok := from.(map[string]any)
	if !ok {
		return misfit(v)
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(members)))
	for name, e := range members {
		element := reflect.New(v.Type().Elem()).Elem()
		if err := assign(element, e); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(name), element)
	}
	return nil
}

func assignStruct(v reflect.Value, from any) error {
	members, ok := from.(map[string]any)
	if !ok {
		return misfit(v)
	}
	t := v.Type()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if member, given := members[name]; given {
			if err := assign(v.Field(i), member); err != nil {
				return err
			}
		}
	}
	return nil
}
