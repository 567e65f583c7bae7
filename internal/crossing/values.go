package crossing

import (
	"encoding/json"
	"strconv"

	"aaa-api/internal/aaa"
)

// Words gives a value as answers show it: by its name in the dictionaries if it has one. dict.Set has it.
type Words interface {
	JSON(a *aaa.Attribute, value []byte) aaa.Value
}

// maxValues is how many attributes of a request have a value: as many as translate takes of one.
const maxValues = 256

// Values are a device's AVPs as keys of a request: by attribute name, with :TAG where there is one; several values of one name
// are a list. What is malformed is left out, and so is what comes behind the first 256 values of a name.
func Values(avps []aaa.AVP, words Words) aaa.Values {
	values := make(aaa.Values, len(avps))
	for i := range avps {
		v := &avps[i]
		if v.Invalid || v.Attr == nil {
			continue
		}
		key := v.Attr.Name
		if v.Tag > 0 {
			key = v.Name()
		}
		value := scalar(words.JSON(v.Attr, v.Value))
		switch before := values[key].(type) {
		case nil:
			values[key] = value
		case []any:
			if len(before) < maxValues {
				values[key] = append(before, value)
			}
		default:
			values[key] = []any{before, value}
		}
	}
	return values
}

// scalar is a value as a request's JSON would have it.
func scalar(v aaa.Value) any {
	switch v := v.(type) {
	case int64:
		return json.Number(strconv.FormatInt(v, 10))
	case uint64:
		return json.Number(strconv.FormatUint(v, 10))
	case int:
		return json.Number(strconv.Itoa(v))
	}
	return v
}
