//go:build !linux

package main

import (
	"syscall"

	"aaa-api/internal/config"
)

func (p *parent) users() (front, secmod *syscall.Credential, err error) { return nil, nil, nil }

func makeDataDirFor(cfg *config.Config, _ *syscall.Credential) error { return makeDataDir(cfg) }

func checkDataOwner(*config.Config, string) error { return nil }
