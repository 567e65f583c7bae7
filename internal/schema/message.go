package schema

import (
	"fmt"
	"strings"
)

// message says what a keyword asks for. The library's own texts are not used
// where they repeat the value.
func message(keyword string, target any, schema map[string]any, library string) string {
	switch keyword {
	case "type":
		list := strs(target)
		for i, t := range list {
			list[i] = article(t)
		}
		return "must be " + strings.Join(list, " or ")
	case "enum":
		return "must be one of " + strings.Join(strs(target), ", ")
	case "minimum":
		return fmt.Sprintf("must be at least %v", target)
	case "maximum":
		return fmt.Sprintf("must be at most %v", target)
	case "minLength":
		if fmt.Sprint(target) == "1" {
			return "must not be empty"
		}
		return fmt.Sprintf("must have at least %v characters", target)
	case "maxLength":
		return fmt.Sprintf("must have at most %v characters", target)
	case "minItems":
		if fmt.Sprint(target) == "1" {
			return "must not be empty"
		}
		return fmt.Sprintf("must have at least %v elements", target)
	case "maxItems":
		return fmt.Sprintf("must have at most %v elements", target)
	case "maxProperties":
		return fmt.Sprintf("must have at most %v members", target)
	case "pattern", "format":
		if m, ok := schema["x-message"].(string); ok {
			return m
		}
		switch {
		case target == "date-time":
			return "must be a time as in 2027-01-31T12:00:00Z (RFC 3339)"
		case keyword == "format":
			return fmt.Sprintf("must be a %v", target)
		}
		return fmt.Sprintf("must match %v", target)
	case "uniqueItems":
		return library // "items at index 0 and 2 are equal"
	default:
		return fmt.Sprintf("does not fit the schema's %s", keyword)
	}
}

func article(noun string) string {
	switch noun[0] {
	case 'a', 'i', 'o':
		return "an " + noun
	default:
		return "a " + noun
	}
}
