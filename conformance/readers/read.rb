# What Rack, and so Rails, finds in a query and a form: a line of JSON for each of both that are read, null if it refuses them.
require 'json'
require 'rack'

STDIN.each_line do |line|
  read = JSON.parse(line).map { |text| Rack::Utils.parse_nested_query(text) }
  puts JSON.generate(read)
rescue Rack::QueryParser::InvalidParameterError, Rack::QueryParser::ParameterTypeError, RangeError
  puts 'null'
end
