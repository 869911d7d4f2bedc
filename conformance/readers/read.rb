# What Rack, and so Rails, finds in a query and a body: a line of JSON for each of both that are read, null if it refuses them.
require 'json'
require 'rack'

STDIN.each_line do |line|
  query, body, kind = JSON.parse(line)
  form = Rack::Utils.method(:parse_nested_query)
  read = [form.call(query), kind == 'json' ? JSON.parse(body) : form.call(body)]
  puts JSON.generate(read)
rescue JSON::ParserError, JSON::GeneratorError, Rack::QueryParser::InvalidParameterError, Rack::QueryParser::ParameterTypeError, RangeError
  puts 'null'
end
