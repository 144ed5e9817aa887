module fixtures/idioms

go 1.21

require (
	fixtures v0.0.0
	golang.org/x/sync v0.7.0
)

replace fixtures => ../
