//go:build !go1.23

package ground

func coroutines() []Scenario { return nil }
