<?php
// What PHP finds in a query and a form: a line of JSON for each of both that are read.
while (($line = fgets(STDIN)) !== false) {
    [$query, $form] = json_decode($line);
    parse_str($query, $get);
    parse_str($form, $post);
    $written = array_map(fn($read) => json_encode($read, JSON_FORCE_OBJECT | JSON_INVALID_UTF8_SUBSTITUTE), [$get, $post]);
    echo '[', implode(',', $written), "]\n";
}
