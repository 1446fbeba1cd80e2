"""Forms as data: a journey is tasks, a task is pages, a page is one question, or a few that go together."""
