package actions

import (
	"context"
	"fmt"
	"strconv"

	"aaa-api/internal/aaa"
	"aaa-api/internal/fsm"
	"aaa-api/internal/plans"
	"aaa-api/internal/router"
	"aaa-api/internal/usersfile"
)

// Command authorises the shell of a network device and its commands by a users file of the account, or of one above it.
// It asks for no password: the device has logged the user in.
type Command struct{}

// Spec implements router.Action.
func (Command) Spec() fsm.Spec {
	return fsm.Spec{
		Name: "COMMAND", Does: "permits the shell or a command by the user's entry in a users file; ERROR if the file does not exist",
		Later: []fsm.Event{fsm.ACK, fsm.NAK, fsm.ERROR, fsm.FATAL}, Decides: true,
		Xstring: "a users file of the account or of an account above it; by default users",
	}
}

// Run implements router.Action.
func (Command) Run(m *router.Machine, line *fsm.Line) fsm.Event {
	name := line.Xstring
	if name == "" {
		name = plans.DefaultUsersFile
	}
	file := m.Level().Files[name]
	if file == nil {
		m.Log().Error("COMMAND: there is no users file of this name", "file", name)
		return soon(m, fsm.ERROR)
	}
	req, level, budget := m.Request(), m.Level(), m.Budget()
	return m.Do(func(ctx context.Context) router.Answer {
		_, user, err := level.UserName(ctx, req, budget)
		if err != nil {
			return router.Refused(ctx, err)
		}
		entry, ok := file.Find(user)
		if !ok || entry.Rights == nil || !meets(req.Values, entry.Check) {
			return router.Answer{Event: fsm.NAK}
		}
		return command(&entry, req.Values)
	})
}

// command answers by an entry that has rights on devices.
func command(entry *usersfile.Entry, values aaa.Values) router.Answer {
	service, cmd, words := texts(values["service"]), texts(values["cmd"]), texts(values["cmd-arg"])
	switch {
	case len(service) > 1 || len(cmd) > 1, len(service) == 1 && service[0] != "shell":
		return router.Answer{Event: fsm.NAK}
	case len(cmd) == 1 && cmd[0] != "":
		if !entry.Rights.Permit(usersfile.Command(cmd[0], words)) {
			return router.Answer{Event: fsm.NAK}
		}
		return router.Answer{Event: fsm.ACK, Result: &aaa.Result{}}
	case len(words) > 0: // of no command
		return router.Answer{Event: fsm.NAK}
	}
	return router.Answer{Event: fsm.ACK, Result: replied(entry)}
}

// texts are the values of a key.
func texts(value any) []string {
	switch v := value.(type) {
	case nil:
		return nil
	case []any:
		list := make([]string, len(v))
		for i, e := range v {
			list[i] = fmt.Sprint(e)
		}
		return list
	default:
		return []string{fmt.Sprint(v)}
	}
}

// enable is the number of the service by which users ask for another level (RFC 8907 §5.1).
const enable = "2"

// levels are the names of privilege levels (dictionary_tacacs).
var levels = map[string]int{"min": 0, "user": 1, "root": 15}

// reaches reports whether an entry's level is that which a user of a device asks for by enable. Other logins ask for none.
func reaches(values aaa.Values, rights *usersfile.Rights) bool {
	if service := fmt.Sprint(values["authen_service"]); service != "enable" && service != enable {
		return true
	}
	if rights == nil {
		return false
	}
	text := fmt.Sprint(values["priv_lvl"])
	level, ok := levels[text]
	if !ok {
		var err error
		if level, err = strconv.Atoi(text); err != nil {
			return false
		}
	}
	return rights.Level >= level
}
