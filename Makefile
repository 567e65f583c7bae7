# The two commands: `make run` and `make test`. Tools have their versions in tools/go.mod and are built when they are needed.

SHELL := /bin/sh

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
BIN      := bin/aaa-api
# Without debugging information the first build is some seconds faster. Without inlining it is a fifth faster
# again, and the binary slower: good for a try.
DEBUG    ?= -gcflags=all=-dwarf=false
QUICK    ?= '-gcflags=all=-dwarf=false -l'
# A static binary, and no C compiler needed.
CGO      ?= 0
LDFLAGS  := -w -X main.version=$(VERSION)

# How tests are compiled: for the race detector, but the embedded store, which is C by origin and slow under it and
# to compile; without debugging information, which nobody reads. The store is compiled with inlining, unlike the first
# try: without it each access to its memory allocates, and a test that writes much takes six times as long.
export RACEFLAGS   := -race -ldflags=-s -gcflags=all=-dwarf=false '-gcflags=modernc.org/...=-race=false -dwarf=false'
# What runs without the race detector, tools included, is compiled in one way too, so that nothing is compiled twice.
export PLAINFLAGS  := -ldflags=-s -gcflags=all=-dwarf=false

# The first try has no use for the PostgreSQL driver, which is a tenth of the build. Listing what is imported
# downloads it.
TRY     := CGO_ENABLED=$(CGO) $(GO) build -tags embedded $(QUICK)
IMPORTS := $(GO) list -tags embedded -deps -f '{{if eq .Name "main"}}{{join .Imports " "}}{{end}}' ./cmd/aaa-api

.PHONY: help run build test deps check fuzz mutate soak bench lint format clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

# While modules are downloaded, what of the standard library takes longest is compiled. SQLite's package is by far the
# largest one: named first it is compiled beside the others, else last and alone.
run: ## build and serve on 127.0.0.1:8000 with a RADIUS server and a tenant to try
	@echo 'Building: the first time takes up to a minute on two cores.'
	@GOPROXY=off $(IMPORTS) >/dev/null 2>&1 || { $(IMPORTS) >/dev/null & $(TRY) net/http html/template database/sql; wait $$!; }
	@$(TRY) modernc.org/sqlite $$($(IMPORTS))
	$(TRY) -ldflags '$(LDFLAGS)' -o $(BIN)-embedded ./cmd/aaa-api
	./$(BIN)-embedded serve --demo

build: ## the binary for production: bin/aaa-api
	CGO_ENABLED=$(CGO) $(GO) build $(DEBUG) -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/aaa-api

# What is missing is installed beside the checks, which need no more of it than the C compiler.
test: ## everything: embedded store, PostgreSQL, FreeRADIUS, a second of fuzzing for each target
	@command -v gcc >/dev/null || $(MAKE) --no-print-directory deps
	@$(MAKE) --no-print-directory -j2 deps check
	scripts/go-test.sh
	scripts/fuzz.sh 1s

deps: ## what the tests need beside Go: installed on Debian for root, else named
	scripts/test-deps.sh

check: ## golangci-lint (vet, staticcheck, format and more), and that the patches of make mutate apply
	scripts/check.sh

fuzz: ## every fuzz target for a minute each; FUZZTIME=10m for longer
	FUZZCACHE="$$($(GO) env GOCACHE)/fuzz/aaa-api" scripts/fuzz.sh $${FUZZTIME:-1m}

mutate: deps ## promises broken one by one: each must fail a test; NAMES=a\ b for some
	scripts/mutate.sh $(NAMES)

soak: deps ## the tests again and again under the race detector; SOAK=50 for more rounds
	SOAK=$${SOAK:-10} scripts/go-test.sh

bench: ## speed and memory against the naive gateway, radsecproxy, freeradius and tacquito, as a table; a row says what is missing
	$(GO) run ./bench

lint: check ## check, and a client generated from the contract compiles: slow to build, so it is no part of make test
	scripts/client.sh

format: ## gofumpt over all Go files
	"$$(scripts/tool.sh golangci-lint)" fmt ./...

clean: ## remove what was built
	rm -rf bin dist
