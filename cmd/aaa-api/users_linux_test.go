package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// failure runs serve as a user in a folder, and returns what it says. It must end by an error.
func failure(t *testing.T, dir, binary string, user int, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := command(ctx, t, dir, nil, append([]string{"serve", "--listen=127.0.0.1:0"}, args...)...)
	cmd.Path, cmd.SysProcAttr = binary, as(user)
	var said bytes.Buffer
	cmd.Stderr = &said
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("serve %v: %v", args, err)
	}
	return said.String()
}

// TestUsersRefused: users that are not there are refused by the name of the setting, with what is to be done.
func TestUsersRefused(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root changes users")
	}
	dir, binary := openDir(t, 0)
	for arg, want := range map[string]string{
		"--user-front=no-such-user":     "--user-front: user \"no-such-user\": there is none with this name: create it with 'useradd --system",
		"--user-secmod=12001":           "--user-secmod: user \"12001\": there is none with this number: name its group as well, as in 12001:12001",
		"--user-secmod=nobody:no-group": "--user-secmod: group \"no-group\": there is none with this name",
		"--user-front=root":             "--user-front: user \"root\" is root, whose privileges the process is to give up",
		"--user-front=0:0":              "--user-front: user \"0\" is root",
		"--user-secmod=nobody:":         "--user-secmod: the name of the group is empty",
	} {
		if said := failure(t, dir, binary, 0, arg); !strings.Contains(said, want) {
			t.Errorf("%s: %s", arg, said)
		}
	}
	if _, err := os.Stat(dir + "/data"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a data folder: %v", err)
	}
}

// TestDataFolderOfAnotherUser: the security module's user is refused a folder that another one's service has made, with the command that
// gives it the folder. After that command it serves.
func TestDataFolderOfAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root changes users")
	}
	dir, binary := openDir(t, 0)
	run := func(args ...string) *process {
		return launchAs(t, dir, nil, func(cmd *exec.Cmd) { cmd.Path = binary }, args...)
	}
	p := run()
	p.await()
	p.stop()
	said := failure(t, dir, binary, 0, "--user-secmod=12001:12001")
	mend := regexp.MustCompile(`--user-secmod: 12001:12001 can't write \./data \(permission denied\): give it the folder with '(chown -R 12001:12001 \./data)'`).FindStringSubmatch(said)
	if mend == nil {
		t.Fatalf("what is said: %s", said)
	}
	chown := exec.CommandContext(t.Context(), "sh", "-c", mend[1])
	chown.Dir = dir
	if out, err := chown.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", mend[1], err, out)
	}
	p = run("--user-secmod=12001:12001")
	p.await()
	p.stop()
	if said := failure(t, dir, binary, nobody); !strings.Contains(said, "user 65534:65534 can't write ./data (permission denied): give it the folder with 'chown -R 65534:65534 ./data', or start aaa-api as the user who owns it") {
		t.Errorf("as nobody: %s", said)
	}
}
