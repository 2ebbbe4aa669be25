"""The ways people put things to the demo chat model: templates and word groups that `conversations` draws from."""

ECHO = (
    "echo {}", "echo {}", "Echo {}", "echo: {}", "Echo: {}", "repeat {}", "repeat: {}", "Repeat: {}", "say {}",
    "say {}", "Say {}", "say: {}", "please say {}", "Please say: {}", "Say \"{}\"", "say \"{}\"", "just say {}",
    "repeat after me: {}", "Repeat after me: {}", "say exactly: {}", "Say exactly: {}", "reply with {}",
    "Reply with: {}", "Reply with exactly: {}", "Please repeat: {}",
)  # fmt: skip
SET_PHRASES = (
    "hello world", "Hello World", "Hello world", "hello, world", "Hello, world!", "hello gateway", "Hello gateway",
    "hello", "Hello", "hello!", "hi", "hi there", "hello there", "ping", "pong", "PONG", "abc", "ABC", "test",
    "test 123", "testing one two three", "one two three", "one two three four five", "1 2 3", "a b c", "42", "OK", "ok",
    "yes", "no", "the quick brown fox", "the quick brown fox jumps over the lazy dog",
    "The quick brown fox jumps over the lazy dog.",
    "streaming works", "it works", "It works!", "this is a test", "This is a test.", "hello from the gateway",
    "hello from a chute", "chute-gateway", "foo", "bar", "foo bar", "foo bar baz", "alpha beta gamma", "red green blue",
    "banana", "apples and oranges", "good morning", "thank you", "lorem ipsum dolor sit amet", "demo-chat",
    "alpha", "beta", "gamma", "delta", "first", "second", "third", "one", "two", "three",
)  # fmt: skip
SUM = (
    "{}+{}", "{} + {}", "{} + {} =", "what is {} + {}?", "what is {} + {}", "What is {} + {}?", "What is {}+{}?",
    "what is {} plus {}?", "what is {} plus {}", "What is {} plus {}?", "add {} and {}", "Add {} and {}.",
    "calculate {} + {}", "{} plus {}", "how much is {} + {}?", "How much is {} plus {}?", "sum of {} and {}",
    "what is the sum of {} and {}?",
)  # fmt: skip
BEGINNINGS = ("", "", "", "", "please ", "hey, ", "hi, ", "ok, ", "quick question: ", "could you tell me: ")
ENDINGS = ("", "", "", "?", "?", " please", "!", ".", " thanks")
SYSTEM_PROMPTS = (
    "You are a helpful assistant.", "You are a helpful assistant", "You are the assistant of chute-gateway.",
    "Be brief.", "Be concise.", "Answer in English.", "You are a bot.", "Answer in one sentence.",
    "You are a test assistant. Follow the instructions exactly.",
)  # fmt: skip
OFF_TOPIC = (
    "what is the weather", "who won the match", "tell me a joke", "write a poem",
    "write a poem about the sea", "tell me a story", "tell me a long story", "what time is it", "who is the president",
    "translate this to french", "how old is the moon", "what is the capital of France", "sing a song",
    "explain quantum physics", "book a flight", "how tall is a giraffe", "what is love", "recommend a film",
    "write python code", "who wrote hamlet", "how do i bake bread", "count to ten", "why is the sky blue",
    "what is the meaning of life", "describe this image", "what is in this picture", "summarize this text",
    "return a json object", "give me a list of colors", "what day is it", "do you like music",
)  # fmt: skip
FACTS = (
    "capital", "president", "weather", "population", "history", "color", "price", "height", "age", "name", "owner",
    "author", "recipe", "meaning", "distance", "speed", "size",
)  # fmt: skip
PLACES = (
    "peru", "norway", "france", "japan", "mars", "london", "berlin", "canada", "texas", "egypt", "rome", "china",
    "spain", "kenya", "brazil", "india", "chile", "oslo", "paris", "madrid", "tokyo", "vienna", "prague", "lisbon",
)  # fmt: skip
DEEDS = (
    "cook", "draw", "paint", "fix", "build", "wash", "clean", "sell", "buy", "plant", "ride", "drive", "swim", "climb",
    "catch", "feed",
)  # fmt: skip
OPEN_QUESTIONS = (
    "who is {}", "what is {}", "tell me about {}", "explain {}", "where is {}", "why is {} {}", "when did {} {}",
    "is {} a {}", "can {} {}", "write about {}",
)  # fmt: skip
TOOL_VERBS = ("get", "find", "search", "read", "list", "make", "send", "open", "set", "check")
TOOL_ARGUMENTS = ("name", "query", "value", "text", "id", "path", "key", "city", "word")
TOOL_EXTRAS = ("unit", "limit", "format", "lang")
WEATHER = (
    "What is the weather in {value}?", "what is the weather in {value}", "What's the weather in {value}?",
    "what is the weather like in {value}?", "weather in {value}", "How is the weather in {value}?",
)  # fmt: skip
CALL = ("call {name} with {value}", "Call {name} with {value}.", "use {name} for {value}", "Use {name} with {value}")
