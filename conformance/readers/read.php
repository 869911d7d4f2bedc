<?php
// What PHP finds in a query and a body: a line of JSON for each of both that are read, null if it finds no JSON.
while (($line = fgets(STDIN)) !== false) {
    [$query, $body, $kind] = json_decode($line);
    parse_str($query, $get);
    $post = [];
    $kind === 'json' ? $post = json_decode($body, true) : parse_str($body, $post);
    $written = array_map(fn($read) => json_encode($read, JSON_FORCE_OBJECT | JSON_INVALID_UTF8_SUBSTITUTE), [$get, $post]);
    echo $post === null ? 'null' : '[' . implode(',', $written) . ']', "\n";
}
